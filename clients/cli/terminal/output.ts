import { stripVTControlCharacters, styleText } from 'node:util';
import { toJson, type DescMessage, type JsonValue, type MessageShape } from '@bufbuild/protobuf';

export type Colour = 'bold' | 'dim' | 'green' | 'red' | 'yellow';
export type Paint = (colour: Colour, text: string) => string;

export interface Output {
  readonly isJson: boolean;
  /** A terminal whose lines can be written over. */
  readonly isLive: boolean;
  readonly paint: Paint;
  /** One answer: the message as one JSON document, or the text for people. */
  answer<D extends DescMessage>(schema: D, message: MessageShape<D>, asText: () => string): void;
  /** One of many: a line of JSON, or of text. */
  event(value: () => JsonValue, asText: () => string | undefined): void;
  /** On a live terminal: stands below everything else and is written over by the next one. */
  standing(text: string): void;
  /** What stands stays as it is; whatever comes next comes below. */
  settle(): void;
  /** What is no answer: progress and advice, on the standard error, and only for people. */
  note(text: string): void;
}

/** Just what of a stream is needed. */
export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface OutputOptions {
  stdout: TextStream;
  stderr: TextStream;
  isJson: boolean;
  env: NodeJS.ProcessEnv;
}

/** Zeros and empty lists are written out, so that a script finds every name. */
export function messageJson<D extends DescMessage>(schema: D, message: MessageShape<D>): JsonValue {
  return toJson(schema, message, { alwaysEmitImplicit: true });
}

export function createOutput({ stdout, stderr, isJson, env }: OutputOptions): Output {
  const isTerminal = stdout.isTTY === true;
  const isLive = isTerminal && !isJson && env['TERM'] !== 'dumb';
  const paint = createPaint(isTerminal && !isJson, env);
  let drawn = '';

  const erase = (): string => {
    if (drawn === '') return '';
    const rows = drawn.split('\n').length;
    return `\r${rows > 1 ? `\x1b[${rows - 1}A` : ''}\x1b[J`;
  };
  const write = (text: string): void => {
    stdout.write(`${erase()}${text}\n${drawn}`);
  };
  return {
    isJson,
    isLive,
    paint,
    answer(schema, message, asText) {
      write(isJson ? JSON.stringify(messageJson(schema, message), undefined, 2) : asText());
    },
    event(value, asText) {
      const line = isJson ? JSON.stringify(value()) : asText();
      if (line !== undefined) write(line);
    },
    standing(text) {
      if (!isLive) return;
      const next = text === '' ? '' : clipped(text, stdout.columns || 80);
      stdout.write(`${erase()}${next}`);
      drawn = next;
    },
    settle() {
      if (drawn !== '') stdout.write('\n');
      drawn = '';
    },
    note(text) {
      if (isJson) return;
      if (drawn !== '') stdout.write(erase());
      stderr.write(`${text}\n`);
      if (drawn !== '') stdout.write(drawn);
    },
  };
}

/** https://no-color.org: any value but the empty one. */
export function createPaint(isTerminal: boolean, env: NodeJS.ProcessEnv): Paint {
  const off = !isTerminal || (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  return off ? (_, text) => text : (colour, text) => styleText(colour, text, { validateStream: false });
}

/** A line that wraps could not be written over; one that is cut loses its colours, of which the end may be gone. */
function clipped(text: string, columns: number): string {
  return text
    .split('\n')
    .map((line) => {
      const shown = stripVTControlCharacters(line);
      return shown.length < columns ? line : `${shown.slice(0, Math.max(0, columns - 2))}…`;
    })
    .join('\n');
}

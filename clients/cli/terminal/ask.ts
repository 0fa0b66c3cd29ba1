import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';
import type { InputStream } from '../input.ts';
import { Interrupted, unlessInterrupted } from '../interrupted.ts';
import { Misuse } from '../misuse.ts';
import type { TextStream } from './output.ts';

/** The standard input: a terminal, whose echo can be turned off, or something piped in. */
export type KeyboardStream = InputStream & {
  setRawMode?(isRaw: boolean): unknown;
  resume?(): unknown;
  pause?(): unknown;
  destroy?(): unknown;
  on?(event: 'data', listener: (chunk: Buffer) => void): unknown;
  removeListener?(event: 'data', listener: (chunk: Buffer) => void): unknown;
};

export interface Ask {
  /** One line; `hidden` is not shown while it is typed. */
  (prompt: string, options?: { hidden?: boolean }): Promise<string>;
  close(): void;
}

const MAX_LINE = 4_096;
const [CTRL_C, CTRL_D, CTRL_U, BACKSPACE, DELETE] = ['\u0003', '\u0004', '\u0015', '\b', '\u007f'];

/** Prompts go to the standard error: the standard output is for answers. */
export function createAsk(options: { stdin: KeyboardStream; stderr: TextStream; stop: AbortSignal }): Ask {
  const { stdin, stop } = options;
  const piped = stdin.isTTY === true ? undefined : pipedLines(stdin);
  const ask = async (prompt: string, { hidden = false } = {}): Promise<string> => {
    if (stop.aborted) throw new Interrupted('Interrupted.');
    if (piped === undefined) return await typedLine(options, prompt, hidden);
    const line = await unlessInterrupted(stop, piped.next());
    if (line === undefined)
      throw new Misuse(
        `${prompt.replace(/[:\s]+$/, '')} was to be asked for, and the standard input has no more lines: call it on a terminal, or pipe the answers in, a line each.`,
      );
    return line;
  };
  return Object.assign(ask, {
    // A pipe that somebody holds open would keep the program alive.
    close: () => void (piped?.isBegun() === true && stdin.destroy?.()),
  });
}

async function typedLine(
  { stdin, stderr, stop }: { stdin: KeyboardStream; stderr: TextStream; stop: AbortSignal },
  prompt: string,
  hidden: boolean,
): Promise<string> {
  stderr.write(prompt);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const decoder = new StringDecoder('utf8');
  const typed: string[] = [];
  const interrupt = (): void => reject(new Interrupted('Interrupted.'));
  const shown = (text: string): void => void (hidden || stderr.write(text));
  const take = (character: string): void => {
    if (character === '\r' || character === '\n') return resolve(typed.join(''));
    if (character === CTRL_C || (character === CTRL_D && typed.length === 0)) return interrupt();
    if (character === BACKSPACE || character === DELETE) {
      if (typed.pop() !== undefined) shown('\b \b');
      return;
    }
    if (character === CTRL_U) {
      shown('\b \b'.repeat(typed.splice(0).length));
      return;
    }
    if (character < ' ' || typed.length >= MAX_LINE) return;
    typed.push(character);
    shown(character);
  };
  const listen = (chunk: Buffer): void => {
    // Arrow keys and their like are no text.
    for (const character of stripVTControlCharacters(decoder.write(chunk))) take(character);
  };
  stop.addEventListener('abort', interrupt, { once: true });
  stdin.setRawMode?.(true);
  stdin.on?.('data', listen);
  stdin.resume?.();
  try {
    return await promise;
  } finally {
    stdin.removeListener?.('data', listen);
    stdin.setRawMode?.(false);
    stdin.pause?.();
    stop.removeEventListener('abort', interrupt);
    stderr.write('\n');
  }
}

function pipedLines(stdin: KeyboardStream): { next(): Promise<string | undefined>; isBegun(): boolean } {
  const decoder = new StringDecoder('utf8');
  let chunks: AsyncIterator<unknown> | undefined;
  let rest = '';
  let isOver = false;
  return {
    isBegun: () => chunks !== undefined,
    async next() {
      chunks ??= stdin[Symbol.asyncIterator]();
      for (;;) {
        const end = rest.indexOf('\n');
        if (end >= 0) {
          const line = rest.slice(0, end).replace(/\r$/, '');
          rest = rest.slice(end + 1);
          return line;
        }
        if (rest.length > MAX_LINE) throw new Misuse(`A line has more than ${MAX_LINE} characters.`);
        if (isOver) {
          const last = rest;
          rest = '';
          return last === '' ? undefined : last;
        }
        const chunk = await chunks.next();
        if (chunk.done === true) isOver = true;
        else rest += decoder.write(chunk.value as Buffer);
      }
    },
  };
}

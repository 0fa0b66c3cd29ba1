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

export interface AskOptions {
  stdin: KeyboardStream;
  stderr: TextStream;
  stop: AbortSignal;
  /** A Ctrl-C between two questions, which the terminal no longer makes a signal of. */
  interrupt: () => void;
}

/** Prompts go to the standard error: the standard output is for answers. */
export function createAsk(options: AskOptions): Ask {
  const { stdin, stop } = options;
  if (stdin.isTTY === true) return keyboard(options);
  const piped = pipedLines(stdin);
  const ask = async (prompt: string): Promise<string> => {
    if (stop.aborted) throw new Interrupted('Interrupted.');
    const line = await unlessInterrupted(stop, piped.next());
    if (line === undefined)
      throw new Misuse(
        `${prompt.replace(/[:\s]+$/, '')} was to be asked for, and the standard input has no more lines: call it on a terminal, or pipe the answers in, a line each.`,
      );
    return line;
  };
  return Object.assign(ask, {
    // A pipe that somebody holds open would keep the program alive.
    close: () => void (piped.isBegun() && stdin.destroy?.()),
  });
}

/** From the first question to the end nothing is echoed by the terminal: a password may be typed before it is asked for. */
function keyboard({ stdin, stderr, stop, interrupt }: AskOptions): Ask {
  const decoder = new StringDecoder('utf8');
  const ahead: string[] = [];
  let take: ((character: string) => void) | undefined;
  let isOpen = false;
  const heard = (character: string): void => {
    if (take) take(character);
    else if (character === CTRL_C) interrupt();
    else if (ahead.length < MAX_LINE) ahead.push(character);
  };
  const listen = (chunk: Buffer): void => {
    // Arrow keys and their like are no text.
    for (const character of stripVTControlCharacters(decoder.write(chunk))) heard(character);
  };
  const open = (): void => {
    if (isOpen) return;
    isOpen = true;
    stdin.setRawMode?.(true);
    stdin.on?.('data', listen);
    stdin.resume?.();
  };
  const ask = async (prompt: string, { hidden = false } = {}): Promise<string> => {
    if (stop.aborted) throw new Interrupted('Interrupted.');
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const interrupted = (): void => reject(new Interrupted('Interrupted.'));
    stop.addEventListener('abort', interrupted, { once: true });
    open();
    stderr.write(prompt);
    take = lineTaker(
      (text) => void (hidden || stderr.write(text)),
      (line) => {
        take = undefined;
        if (line === undefined) interrupted();
        else resolve(line);
      },
    );
    for (const character of ahead.splice(0)) heard(character);
    try {
      return await promise;
    } finally {
      take = undefined;
      stop.removeEventListener('abort', interrupted);
      stderr.write('\n');
    }
  };
  return Object.assign(ask, {
    close() {
      if (!isOpen) return;
      stdin.removeListener?.('data', listen);
      stdin.setRawMode?.(false);
      stdin.pause?.();
    },
  });
}

/** Gathers keys to a line; undefined when it was given up. */
function lineTaker(
  shown: (text: string) => void,
  done: (line: string | undefined) => void,
): (character: string) => void {
  const typed: string[] = [];
  return (character) => {
    if (character === '\r' || character === '\n') return done(typed.join(''));
    if (character === CTRL_C || (character === CTRL_D && typed.length === 0)) return done(undefined);
    if (character === BACKSPACE || character === DELETE) {
      if (typed.pop() !== undefined) shown('\b \b');
      return;
    }
    if (character === CTRL_U) return shown('\b \b'.repeat(typed.splice(0).length));
    if (character < ' ' || typed.length >= MAX_LINE) return;
    typed.push(character);
    shown(character);
  };
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

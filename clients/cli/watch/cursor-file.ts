import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Clock, Timer } from '#lib/lifecycle/clock.ts';
import { Misuse } from '../misuse.ts';

/** Where a watch stands, kept in a file so that the next one goes on there. */
export interface CursorFile {
  readonly cursor: string;
  moveTo(cursor: string): void;
  /** What is not written yet is. */
  close(): void;
}

const MAX_BYTES = 4_096;
/** After a crash the events of this time come again. */
const WRITE_EVERY_MS = 200;

export function openCursorFile(path: string | undefined, clock: Clock): CursorFile {
  let cursor = path === undefined ? '' : read(path);
  if (path === undefined)
    return {
      get cursor() {
        return cursor;
      },
      moveTo: (next) => (cursor = next),
      close: () => undefined,
    };
  let timer: Timer | undefined;
  const save = (): void => {
    timer?.cancel();
    timer = undefined;
    write(path, cursor);
  };
  return {
    get cursor() {
      return cursor;
    },
    moveTo(next) {
      cursor = next;
      timer ??= clock.setTimer(WRITE_EVERY_MS, save);
    },
    close() {
      if (timer) save();
    },
  };
}

function read(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return '';
    throw new Misuse(`--cursor-file: ${path} can not be read: ${code}.`);
  }
  if (text.length > MAX_BYTES || /[^\x21-\x7e]/.test(text))
    throw new Misuse(`--cursor-file: ${path} holds no cursor. Name a file that does not exist to begin now.`);
  return text;
}

/** Whole or not at all: the old cursor stays until the new one is there. */
function write(path: string, cursor: string): void {
  const draft = `${path}.${process.pid}`;
  try {
    writeFileSync(draft, `${cursor}\n`, { mode: 0o600 });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw new Misuse(`--cursor-file: ${path} can not be written: ${(error as NodeJS.ErrnoException).code}.`);
  }
}

import { writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';
import { systemClock, type Clock, type Timer } from '../lifecycle/clock.ts';

/** Where lines go, in the order in which they were written. */
export interface LogOutput extends DestinationStream {
  /** Written before this returns, with all that was held: the last line before a crash is there. */
  write(line: string): void;
  /** Written together with others, within a tenth of a second: one write each would cost more than the call it tells of. */
  hold(line: string): void;
  /** Lines that nobody took: whoever reads stopped reading. */
  readonly dropped: number;
  flush(): void;
}

const HOLD_MS = 100;
const HOLD_CHARACTERS = 32 * 1024;
/** A reader that falls behind further loses lines; the process does not wait for it. */
const MOST_CHARACTERS = 4 * 1024 * 1024;
const RETRY_MS = 10;
/** At the end of the process a reader gets so long to take the rest. */
const LAST_TRIES = 100;

/** Writes what it can of the bytes and says how many; 0 when nothing can be taken now. */
export type WriteBytes = (bytes: Buffer) => number;

export function openLogOutput(
  write: WriteBytes = toFile(1),
  clock: Clock = systemClock,
  pauseBriefly: (ms: number) => void = sleepBriefly,
): LogOutput & { close(): void } {
  let held = '';
  let rest: Buffer | undefined;
  let timer: Timer | undefined;
  let dropped = 0;

  function add(line: string): void {
    if (held.length + (rest?.length ?? 0) > MOST_CHARACTERS) dropped += 1;
    else held += line;
  }

  function flush(): void {
    timer?.cancel();
    timer = undefined;
    while (rest !== undefined || held !== '') {
      if (rest === undefined) {
        rest = Buffer.from(held);
        held = '';
      }
      const taken = write(rest);
      if (taken === 0) {
        timer = clock.setTimer(RETRY_MS, flush);
        return;
      }
      rest = taken === rest.length ? undefined : rest.subarray(taken);
    }
  }

  return {
    write(line) {
      add(line);
      flush();
    },
    hold(line) {
      add(line);
      if (held.length >= HOLD_CHARACTERS && rest === undefined) flush();
      else timer ??= clock.setTimer(HOLD_MS, flush);
    },
    get dropped() {
      return dropped;
    },
    flush,
    close() {
      flush();
      for (let tries = 0; rest !== undefined && tries < LAST_TRIES; tries += 1) {
        pauseBriefly(RETRY_MS);
        flush();
      }
      timer?.cancel();
    },
  };
}

function toFile(descriptor: number): WriteBytes {
  return (bytes) => {
    try {
      return writeSync(descriptor, bytes);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN') return 0;
      // Nobody reads any more: there is no one left to tell.
      if (code === 'EPIPE' || code === 'EIO') return bytes.length;
      throw error;
    }
  };
}

function sleepBriefly(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** For a test, or whoever else takes each line as it comes. */
export function passOn(destination: DestinationStream): LogOutput {
  const write = (line: string): void => destination.write(line);
  return { write, hold: write, dropped: 0, flush() {} };
}

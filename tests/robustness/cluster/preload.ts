/*
 * Loaded into each replica before its program (node --import). Shifts the process's wall clock by the
 * milliseconds that a file says, and notes when nothing ran here. The monotonic clock stays as it is: nobody
 * sets it.
 */
import { readFileSync } from 'node:fs';
import { openRecorder, type StallEntry } from '../history.ts';
import { monotonic } from '../time.ts';

const LOOK_EVERY_MS = 50;
const STALL_MS = 100;

const clockFile = process.env['ROBUSTNESS_CLOCK_FILE']!;
const who = process.env['ROBUSTNESS_NAME'] as StallEntry['who'];
const recorder = openRecorder(process.env['ROBUSTNESS_HISTORY']!);

let offsetMs = 0;
const RealDate = Date;
const realNow = Date.now.bind(Date);

function look(): void {
  offsetMs = Number(readFileSync(clockFile, 'utf8')) || 0;
}

class ShiftedDate extends RealDate {
  constructor(...given: unknown[]) {
    if (given.length === 0) super(realNow() + offsetMs);
    else super(...(given as [number]));
  }
  static override now(): number {
    return realNow() + offsetMs;
  }
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof RealDate;
  }
}

look();
globalThis.Date = ShiftedDate as DateConstructor;

let last = monotonic();
setInterval(() => {
  look();
  const now = monotonic();
  if (now - last > LOOK_EVERY_MS + STALL_MS)
    recorder.write({ kind: 'stall', who, t: last + LOOK_EVERY_MS, end: now });
  last = now;
}, LOOK_EVERY_MS).unref();

import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { WorldState } from './world/state.ts';

const FORMAT = 'telegate local telegram 1';
const EVERY_MS = 2_000;

/** Undefined when there is no file yet. */
export function readSnapshot(path: string): WorldState | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const broken = `${path} is no state of a local Telegram. Remove it to start from nothing.`;
  let read: { format?: unknown; state?: WorldState };
  try {
    read = deserialize(bytes) as typeof read;
  } catch (error) {
    throw new Error(broken, { cause: error });
  }
  if (read?.format !== FORMAT || !read.state) throw new Error(broken);
  return read.state;
}

export interface Snapshots {
  /** Writes what changed since the last time and ends. */
  stop(): Promise<void>;
}

/** Writes the state every two seconds if it changed; the file is replaced whole. */
export function keepSnapshots(options: {
  path: string;
  state: WorldState;
  clock: Clock;
  log: Logger;
}): Snapshots {
  const { path, state, clock, log } = options;
  mkdirSync(dirname(path), { recursive: true });
  let written: Buffer = Buffer.alloc(0);
  let stopped = false;
  let running: Promise<void> = Promise.resolve();

  const write = async (): Promise<void> => {
    const bytes = serialize({ format: FORMAT, state });
    const digest = hash('sha1', bytes, 'buffer');
    if (digest.equals(written)) return;
    await writeFile(`${path}.new`, bytes, { mode: 0o600 });
    await rename(`${path}.new`, path);
    written = digest;
  };
  const later = (): void => {
    clock.setTimer(EVERY_MS, () => {
      if (stopped) return;
      running = write().catch((error: unknown) => {
        log.error({ event: 'snapshot_failed', err: error }, 'the state could not be written');
      });
      void running.then(later);
    });
  };
  later();
  return {
    async stop() {
      stopped = true;
      await running;
      writeFileSync(`${path}.new`, serialize({ format: FORMAT, state }), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    },
  };
}

import { pause } from '#lib/lifecycle/clock.ts';
import type { Pool } from '../pool.ts';
import type { Sync } from './sync.ts';

/** After a failure, and while files wait for a session to leave. */
const SOON_MS = 60_000;
/** Of the pause, at most: replicas that started together do not ask together. */
const JITTER = 0.1;

export interface SyncSchedule {
  stop(): Promise<void>;
}

/**
 * Syncs now and every `everyMs`, 0: now only. Replicas share results: one that finds that another did it within
 * the time leaves it at that.
 */
export function scheduleSync(
  { clock, log }: Pick<Pool, 'clock' | 'log'>,
  sync: Pick<Sync, 'run' | 'folder'>,
  { everyMs, random = Math.random }: { everyMs: number; random?: () => number },
): SyncSchedule {
  const stopping = new AbortController();

  async function run(): Promise<void> {
    for (let maxAgeMs = 0; ;) {
      let pauseMs = everyMs;
      try {
        const { waiting } = await sync.run({ maxAgeMs });
        maxAgeMs = everyMs;
        if (waiting > 0) {
          pauseMs = Math.min(everyMs, SOON_MS);
          maxAgeMs = 0;
        }
        if (everyMs === 0) return;
      } catch (error) {
        if (stopping.signal.aborted) return;
        pauseMs = everyMs === 0 ? SOON_MS : Math.min(everyMs, SOON_MS);
        maxAgeMs = 0;
        log.warn(
          { event: 'sync_failed', err: error },
          `session files of ${sync.folder.path} could not be compared with the pool; it is tried again`,
        );
      }
      await pause(clock, pauseMs * (1 + random() * JITTER), stopping.signal);
      if (stopping.signal.aborted) return;
    }
  }

  const running = run();
  return {
    stop() {
      stopping.abort();
      return running;
    },
  };
}

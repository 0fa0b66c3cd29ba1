import { sql } from 'kysely';
import { pause } from '#lib/lifecycle/clock.ts';
import type { AccountAuth } from '../account-auth.ts';

/** When keys were used, written together and seldom: a key's row changes at most once a minute. */
export interface KeyUsage {
  note(keyId: string): void;
  flush(): Promise<void>;
  /** Writes what is still to be written. */
  stop(): Promise<void>;
}

const FLUSH_MS = 10_000;
/** More than that many keys in ten seconds: the rest is noted at their next use. */
const MOST = 10_000;

export function createKeyUsage({ database, clock, log }: AccountAuth): KeyUsage {
  let used = new Map<string, number>();

  async function flush(): Promise<void> {
    if (used.size === 0) return;
    const batch = used;
    used = new Map();
    await sql`
      update api_keys set last_used_time = greatest(last_used_time, used.at)
      from unnest(
        ${[...batch.keys()]}::uuid[],
        ${[...batch.values()].map((at) => new Date(at))}::timestamptz[]
      ) as used (key_id, at)
      where api_keys.key_id = used.key_id
        and (last_used_time is null or last_used_time <= used.at - interval '1 minute')`.execute(
      database.kysely,
    );
  }

  const stopping = new AbortController();
  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await pause(clock, FLUSH_MS, stopping.signal);
      await flush().catch((error: unknown) =>
        log.info({ event: 'key_usage', err: error }, 'when keys were used could not be written'),
      );
    }
  }
  const running = run();

  return {
    note(keyId) {
      if (used.size < MOST || used.has(keyId)) used.set(keyId, clock.now());
    },
    flush,
    stop() {
      stopping.abort();
      return running;
    },
  };
}

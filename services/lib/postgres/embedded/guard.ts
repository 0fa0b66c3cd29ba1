import { Client } from 'pg';
import { pause, systemClock } from '#lib/lifecycle/clock.ts';

/**
 * A lock in the server that its launcher holds for as long as it lives; when it dies, however it dies, its
 * connection goes and the server frees the lock. So a later launcher knows whether anybody needs the server.
 */
const GUARD_LOCK = 7_345_001;
const RETRY_MS = 500;

export async function isGuarded(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 3_000, query_timeout: 3_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query('select pg_try_advisory_lock($1) as free', [GUARD_LOCK]);
    return rows[0]?.free === false;
  } catch {
    // Stopping, hanging, or not as it was left: nobody can be using it.
    return false;
  } finally {
    client.end().catch(() => undefined);
  }
}

export interface Guard {
  close(): Promise<void>;
}

export async function holdGuard(url: string): Promise<Guard> {
  const closing = new AbortController();
  let current: Client | undefined;
  const hold = async () => {
    const client = new Client({
      connectionString: url,
      application_name: 'telegate launcher',
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
    });
    client.on('error', () => undefined);
    await client.connect();
    await client.query('select pg_advisory_lock($1)', [GUARD_LOCK]);
    current = client;
    // When one server process crashes, the server ends all connections and goes on.
    client.once('end', () => void holdAgain());
  };
  const holdAgain = async () => {
    for (;;) {
      await pause(systemClock, RETRY_MS, closing.signal);
      if (closing.signal.aborted) return;
      const held = await hold().then(
        () => true,
        () => false,
      );
      if (held) return;
    }
  };
  await hold();
  return {
    close: async () => {
      closing.abort();
      await current?.end().catch(() => undefined);
    },
  };
}

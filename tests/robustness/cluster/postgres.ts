import { pino } from 'pino';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#lib/postgres/embedded.ts';

export interface PostgresServer {
  readonly url: string;
  readonly port: number;
  /** Fast: open transactions are rolled back. */
  shutDown(): Promise<void>;
  /** kill -9 of the server's main process; the next start recovers from the log. */
  crash(): Promise<void>;
  /** On the same port with the same data. */
  start(): Promise<void>;
}

/** With fsync, as everywhere but in unit tests. */
export async function startPostgres(dataDir: string): Promise<PostgresServer> {
  const log = pino({ level: 'silent' });
  let ended = Promise.withResolvers<void>();
  let server: EmbeddedPostgres;
  async function start(port?: number): Promise<void> {
    ended = Promise.withResolvers();
    server = await startEmbeddedPostgres({ dataDir, port, log, onExit: () => ended.resolve() });
  }
  await start();
  const { url, port } = server!;
  return {
    url,
    port,
    shutDown: () => server.stop(),
    async crash() {
      process.kill(server.pid, 'SIGKILL');
      await ended.promise;
    },
    start: () => start(port),
  };
}

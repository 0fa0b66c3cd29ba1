import { join } from 'node:path';
import type { Clock, Timer } from '#lib/lifecycle/clock.ts';
import { EmbeddedPostgresError } from '#lib/postgres/embedded/error.ts';
import type { EmbeddedPostgres } from '#lib/postgres/embedded.ts';
import { startEmbeddedPostgres } from '#lib/postgres/embedded.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { explainFileError, isDiskFull, messageOf, StartFailure } from './failure.ts';

export interface EmbeddedDatabaseOptions {
  folder: string;
  clock: Clock;
  log: Logger;
  say: (text: string) => void;
  onStart: (pid: number) => void;
}

export interface EmbeddedDatabase {
  url: string;
  stop(): Promise<void>;
}

const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 30_000;

export function clusterFolder(folder: string): string {
  return join(folder, 'cluster');
}

/** A PostgreSQL that is started again, on the same port, when it ends by itself. */
export async function startEmbeddedDatabase(options: EmbeddedDatabaseOptions): Promise<EmbeddedDatabase> {
  const { clock, say } = options;
  let stopping = false;
  let backoffMs = FIRST_BACKOFF_MS;
  let retry: Timer | undefined;
  let restart = Promise.resolve();

  const restartLater = (how: string): void => {
    if (stopping) return;
    say(`PostgreSQL ${how}. It is started again in ${backoffMs / 1_000} s.`);
    retry = clock.setTimer(backoffMs, () => {
      restart = startAgain();
    });
    backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
  };
  const startAgain = async (): Promise<void> => {
    try {
      server = await start(options, first.port, (how) => restartLater(`ended by itself (${how})`));
      backoffMs = FIRST_BACKOFF_MS;
      say('PostgreSQL runs again.');
    } catch (error) {
      restartLater(`could not be started again: ${messageOf(error)}`);
    }
  };

  const first = await start(options, undefined, (how) => restartLater(`ended by itself (${how})`));
  let server: EmbeddedPostgres = first;
  return {
    url: first.url,
    async stop() {
      stopping = true;
      retry?.cancel();
      await restart;
      await server.stop();
    },
  };
}

async function start(
  { folder, log, say, onStart }: EmbeddedDatabaseOptions,
  port: number | undefined,
  onExit: (how: string) => void,
): Promise<EmbeddedPostgres> {
  try {
    const server = await startEmbeddedPostgres({ dataDir: folder, port, log, onProgress: say, onExit });
    onStart(server.pid);
    return server;
  } catch (error) {
    throw explained(error, folder);
  }
}

function explained(error: unknown, folder: string): unknown {
  if (isDiskFull(error)) return new StartFailure(explainFileError(error, folder) ?? messageOf(error));
  if (!(error instanceof EmbeddedPostgresError)) return error;
  const advice = error.message.includes('DATABASE_URL')
    ? ''
    : ` If its data is damaged and there is no copy to put back, start from nothing, which deletes it: npm start -- --fresh. Or set DATABASE_URL to another PostgreSQL.`;
  return new StartFailure(`${error.message}${advice}`);
}

import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { Principal } from '#lib/auth/principal.ts';
import type { MasterKeys } from '#lib/config/shared.ts';
import type { EventBus } from '#lib/events/bus.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { connect, type ClientTls } from '#lib/rpc/client.ts';
import type { Entities } from '#lib/telegram/updates/notice.ts';
import { Replicas } from '#lib/telegram/held/replicas.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { Connections, UpdatesSource } from '../connections/live-session.ts';
import type { Piece } from '#lib/service/housekeeping.ts';
import type { MessagingHandlers } from '../routes.ts';
import type { MessagingDatabase } from '../tables.ts';
import { Directory } from './directory.ts';
import { createKeeping, type Keeping } from './keeping.ts';
import { createTenantKeys } from './keys.ts';
import { observeWatching } from './metrics.ts';
import { createRecorder } from './recorder.ts';
import { watchRoutes } from './routes.ts';
import * as store from './store.ts';
import { Tails } from './tails.ts';

/** What a watch stands on. */
export interface Watching {
  readonly database: MessagingDatabase;
  readonly directory: Directory;
  readonly tails: Tails;
  readonly keeping: Keeping;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface WatchingOptions {
  readonly url: string;
  readonly database: MessagingDatabase;
  readonly masterKeys: MasterKeys;
  readonly bus: EventBus;
  /** One for each replica, or a name that stands for all. */
  readonly sessionPoolAddresses: readonly string[];
  /** Of the mesh, for the caller of the call at hand. */
  readonly tokenFor: (caller: Principal) => Promise<string>;
  readonly tls: ClientTls | undefined;
  /** The Telegram that this process is for. */
  readonly environment: string;
  readonly processId: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: WatchingSettings;
  wakeRelay(): void;
  onStop(name: string, stop: () => Promise<void> | void, timeoutMs?: number): void;
}

export interface WatchingSettings {
  /** Events of an account that are kept for those who come back, and for how long. */
  readonly mostEvents: number;
  readonly keepMs: number;
}

export interface OpenedWatching {
  /** For openConnections: where updates go. */
  readonly updatesSource: UpdatesSource;
  readonly housekeeping: Piece;
  /** Call it once, with what holds the sessions, and who wants to know of the people in updates. */
  routes(connections: Connections, learn?: Learn): Pick<MessagingHandlers, 'watchMessages'>;
}

export type Learn = (session: { sessionId: bigint; tenantId: string }, entities: Entities) => void;

/** Open it before the connections, so that it closes after them: their last updates are still written. */
export function openWatching(options: WatchingOptions): OpenedWatching {
  const { url, database, processId, clock, log, settings, onStop } = options;
  const keys = createTenantKeys(database, options.masterKeys);
  const tails = new Tails({ url, database, keys, processId, clock, log });
  onStop('watched logs', () => tails.close());
  const { environment, bus, tokenFor, tls } = options;
  const pools = options.sessionPoolAddresses.map((address) =>
    connect(SessionPoolService, {
      address,
      token: (caller) => tokenFor(caller!),
      balancing: 'round_robin',
      ...(tls ? { tls } : {}),
    }),
  );
  onStop('session-pool clients of watches', () => pools.forEach((pool) => pool.close()));
  let learn: Learn | undefined;
  const directory = new Directory({ pools: new Replicas(pools), environment, bus, processId, clock, log });
  onStop('directory of watched sessions', () => directory.close());
  const metrics = observeWatching();
  onStop('watch metrics', () => metrics.stop());
  const recorder = createRecorder({
    database,
    keys,
    clock,
    log,
    learn: (session, entities) => learn?.(session, entities),
    written(written) {
      metrics.written(written);
      tails.written(written);
    },
    wakeRelay: () => options.wakeRelay(),
  });

  async function prune(rows: number): Promise<number> {
    const { mostEvents, keepMs } = settings;
    for (const sessionId of recorder.takeLong(Math.max(1, Math.floor(mostEvents / 10)))) {
      let gone: number;
      do
        gone = await transaction(database, (trx) =>
          store.pruneByCount(trx, sessionId, { most: mostEvents, limit: rows }),
        );
      while (gone === rows);
    }
    return transaction(database, (trx) => store.pruneByAge(trx, keepMs, rows));
  }

  return {
    updatesSource: (session) => recorder.source(session),
    housekeeping: prune,
    routes(connections, learnFrom) {
      learn = learnFrom;
      const stopListening = connections.onSession((session, event) => {
        recorder.stateChanged(session);
        if (event === 'down') recorder.gone(session.sessionId);
      });
      onStop('what watchers hear of connections', () => stopListening());
      const keeping = createKeeping(connections);
      const routes = watchRoutes({ database, directory, tails, keeping, clock, log });
      return {
        watchMessages: (request, out, ctx) => metrics.watching(() => routes.watchMessages(request, out, ctx)),
      };
    },
  };
}

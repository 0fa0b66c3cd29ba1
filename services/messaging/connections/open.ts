import { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { Principal } from '#lib/auth/principal.ts';
import { servicePrincipal } from '#lib/auth/principal.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { connect, type ClientTls } from '#lib/rpc/client.ts';
import { createBreakers } from '#lib/telegram/breakers.ts';
import { accountTag, observeBreakers } from '#lib/telegram/call-measures.ts';
import { REAL_TELEGRAM, realTelegram, type TelegramEnvironment } from '#lib/telegram/environment.ts';
import { HeldSessions } from '#lib/telegram/held/held-sessions.ts';
import type { Application } from '#lib/telegram/link.ts';
import { PingWheel } from '#lib/telegram/ping-wheel.ts';
import { probeWith } from '#lib/telegram/probe.ts';
import { Freshness } from '#lib/telegram/updates/freshness.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { MessagingDatabase } from '../tables.ts';
import { HeldConnections } from './connections.ts';
import { fromRegistry, withoutRegistry, type WaysOut } from './egress.ts';
import { Keeper } from './keeper.ts';
import type { ListingParts } from './listing.ts';
import type { UpdatesSource } from './live-session.ts';
import { observeConnections } from './metrics.ts';
import { saveNewHome } from './moved.ts';
import { Peers } from './peers.ts';
import * as store from './store.ts';
import { createTeller } from './tell.ts';

export interface ConnectionOptions {
  readonly processId: string;
  readonly database: MessagingDatabase;
  /** Undefined: none is named, and no account can connect. */
  readonly telegram: TelegramEnvironment | undefined;
  readonly version: string;
  readonly clock: Clock;
  /** Evenly from [0, 1). */
  random(): number;
  readonly log: Logger;
  readonly settings: ConnectionSettings;
  /** Of the mesh, for the caller of the call at hand. */
  readonly tokenFor: (caller: Principal) => Promise<string>;
  readonly tls: ClientTls | undefined;
  /** Makes the names of accounts in spans. */
  readonly tagKey: Uint8Array;
  /** None: updates are not followed. */
  readonly updatesSource?: UpdatesSource;
  wakeRelay(): void;
  onStop(name: string, stop: () => Promise<void> | void, timeoutMs?: number): void;
}

export interface ConnectionSettings {
  /** One for each replica, or a name that stands for all. */
  readonly sessionPoolAddresses: readonly string[];
  readonly proxyRegistryAddress: string | undefined;
  readonly allowDirect: boolean;
  readonly idleLimitMs: number;
  readonly mostSessions: number;
  readonly shutdownGraceMs: number;
  readonly operatorTenant: string;
}

export interface OpenedConnections {
  readonly connections: HeldConnections;
  readonly peers: Peers;
  readonly listing: ListingParts;
}

const QUIET_MS = 900_000;
const FRESHNESS_SWEEP_MS = 1_000;
const PROBES_AT_ONCE = 8;
const STOP_MARGIN_MS = 20_000;
const NO_APPLICATION = { apiId: 0, apiHash: '' };
/** A process that speaks for many tenants belongs to none. */
const NO_TENANT = '00000000-0000-0000-0000-000000000000';

export function openConnections(options: ConnectionOptions): OpenedConnections {
  const { telegram = realTelegram(NO_APPLICATION) } = options;
  const { processId, database, clock, random, log, settings, onStop } = options;
  const application: Application = {
    deviceModel: 'TeleGate',
    systemVersion: 'Linux',
    appVersion: options.version,
    langCode: 'en',
    systemLangCode: 'en',
  };
  const principal = servicePrincipal('messaging', NO_TENANT);
  const token = (caller: Principal | undefined): Promise<string> => options.tokenFor(caller ?? principal);
  const mesh = { token, ...(options.tls ? { tls: options.tls } : {}) };

  const teller = createTeller({
    database,
    operatorTenant: settings.operatorTenant,
    clock,
    log,
    wakeRelay: () => options.wakeRelay(),
  });
  onStop('events of connections', () => teller.settled());
  const peers = new Peers({ token, tls: options.tls, clock });
  onStop('other processes of messaging', () => peers.close());
  const pools = settings.sessionPoolAddresses.map((address) =>
    connect(SessionPoolService, { ...mesh, address, balancing: 'round_robin' }),
  );
  onStop('session-pool clients', () => pools.forEach((pool) => pool.close()));
  const probe = probeWith({ telegram, application, clock, log });
  const breakers = createBreakers({ clock, random, log, probe });
  onStop('breakers', () => breakers.close());
  onStop('breaker metrics', observeBreakers(breakers));
  breakers.onChange((state) => teller.breaker(state));
  const waysOut = openWaysOut(options, mesh);
  onStop('ways out', () => waysOut.close());
  const held = new HeldSessions({
    clients: pools,
    processId,
    principal,
    clock,
    log,
    random: () => random(),
    mostSessions: settings.mostSessions,
  });
  onStop('held sessions', () => held.close(), STOP_MARGIN_MS);
  const keeper = new Keeper({ processId, database, clock, random: () => random(), log });
  onStop('keeper', () => keeper.close());

  const freshness = new Freshness({
    clock,
    quietMs: QUIET_MS,
    sweepMs: FRESHNESS_SWEEP_MS,
    probesAtOnce: PROBES_AT_ONCE,
  });
  const pings = new PingWheel(clock);
  const connections: HeldConnections = new HeldConnections({
    keeper,
    idleLimitMs: settings.idleLimitMs,
    clock,
    log,
    isTelegramNamed: options.telegram !== undefined,
    taking: (listeners) => ({
      processId,
      database,
      held,
      waysOut,
      peers,
      clock,
      find: (wanted) => listeners.find(wanted),
      drain: (holding, deadline) => listeners.drain(holding, deadline),
      limited: ({ held: { session } }, telegramError) => teller.limited(session, telegramError),
      holding: {
        telegram,
        application,
        breakers,
        pings,
        freshness,
        updatesSource: options.updatesSource,
        clock,
        random: () => random(),
        log,
        tagOf: (sessionId) => accountTag(options.tagKey, String(sessionId)),
        knownUser: (sessionId) => store.userOf(database, sessionId),
        userFound: (known) => store.noteUser(database, known),
        keyMoved: (holding, dataCenter, authKey) =>
          saveNewHome(pools[0]!, telegram, holding.held.session, { dataCenter, authKey }),
        onState(holding, state) {
          if (state === 'degraded')
            teller.degraded(holding.held.session, `no connection to Telegram by ${holding.egressName}`);
          listeners.onState(holding, state);
        },
      },
    }),
  });
  onStop(
    'connections',
    () => connections.close(settings.shutdownGraceMs),
    settings.shutdownGraceMs + STOP_MARGIN_MS,
  );
  onStop('connection metrics', observeConnections(connections, freshness));
  return { connections, peers, listing: { processId, database, clock, peers, connections, breakers } };
}

function openWaysOut(
  { settings, telegram, processId, clock, log, onStop }: ConnectionOptions,
  mesh: { token: (caller: Principal | undefined) => Promise<string>; tls?: ClientTls },
): WaysOut {
  const { proxyRegistryAddress: address } = settings;
  if (address === undefined)
    return withoutRegistry({ allowDirect: settings.allowDirect || telegram?.id !== REAL_TELEGRAM });
  const registry = connect(ProxyRegistryService, { ...mesh, address, balancing: 'round_robin' });
  onStop('proxy-registry client', () => registry.close());
  return fromRegistry(registry, { processId, clock, log });
}

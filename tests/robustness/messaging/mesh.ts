import { randomUUIDv7 } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { LocalTelegramService } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { findFreePort } from '#lib/lifecycle/free-port.ts';
import type { Client } from '#lib/rpc/client.ts';
import { renderMaterial } from '#lib/telegram/material/detect.ts';
import { startServiceProcess } from '../../support/service-process.ts';
import { startSocks5, type Socks5Server } from '../../support/socks5.ts';
import { onPort, startCluster, type Cluster } from '../cluster/cluster.ts';
import { startProxy, type Proxy } from '../cluster/proxy.ts';
import { defineReplica, type Replica } from '../cluster/replica.ts';
import { withClient } from '../cluster/truth.ts';
import type { MessagingName, Recorder } from '../history.ts';
import type { MessagingProcess, Ways } from '../nemesis/fault.ts';
import type { Scenario } from '../run-scenario.ts';
import { startTelegramProcess } from '../telegram/processes.ts';
import { startRelay, type Relay } from '../telegram/relay.ts';
import { monotonic } from '../time.ts';
import { callerOf, clientsOf } from './clients.ts';
import { startFacade } from './facade.ts';
import { WITNESS } from './truth.ts';

export type Control = Client<typeof LocalTelegramService>;

/** An account of the mesh. */
export interface Member {
  readonly accountId: string;
  readonly sessionId: bigint;
  readonly tenantId: string;
  /** As Telegram names it. */
  readonly user: string;
  readonly phone: string;
  readonly keyId: string;
  readonly isProxied: boolean;
}

/** Two processes of messaging on two of the pool, proxies, and a local Telegram behind relays. */
export interface MessagingMesh {
  readonly cluster: Cluster;
  readonly control: Control;
  readonly processes: readonly MessagingProcess[];
  readonly ways: Ways;
  /** Of messaging, for clients. */
  readonly addresses: readonly string[];
  readonly poolAddresses: readonly string[];
  /** Watched, and acted as by account. */
  readonly members: readonly Member[];
  /** Acted as under their callers' leases. */
  readonly lent: readonly Member[];
  /** Accounts that are not of the mesh. */
  readonly strangers: readonly string[];
  readonly environmentId: string;
  /** Everything that talks to Telegram ends, and gives back what it holds. */
  stopTalking(): Promise<void>;
  stop(): Promise<void>;
}

const MEMBERS = 12;
const LENT = 4;
const STRANGERS = 3;
const PROXIES = 2;
const DATA_CENTER = 2;
const MAIN = fileURLToPath(new URL('../../../services/messaging/main.ts', import.meta.url));

export async function startMessagingMesh(
  scenario: Scenario,
  folder: string,
  recorder: Recorder,
): Promise<MessagingMesh> {
  const opened: (() => Promise<unknown> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of opened.splice(0).toReversed()) await close();
  };
  try {
    const { control: broken, entry: brokenMain, ...rest } = scenario;
    const cluster = await startCluster({ ...rest, folder });
    opened.push(() => cluster.stop());
    await withClient(cluster.postgres.url, (client) => client.query(WITNESS));
    const telegram = await startTelegramProcess();
    opened.push(() => telegram.stop());
    const { info, relays } = await relayed(telegram.control, recorder);
    const facade = await startFacade(info);
    opened.push(() => facade.close());
    const poolAddresses = cluster.clientProxies.map(({ port }) => `127.0.0.1:${port}`);
    const environment: NodeJS.ProcessEnv = {
      ...cluster.environment,
      SESSION_POOL_ADDRESS: poolAddresses.join(','),
      LOCAL_TELEGRAM_ADDRESS: facade.address,
      ALLOW_PRIVATE_PROXIES: 'loopback',
      PROXY_CHECK_TIMEOUT: '2s',
    };
    const registry = await startServiceProcess('proxy-registry', { ...environment, GRPC_PORT: '0' });
    opened.push(() => registry.stop());
    const socks = await Promise.all(Array.from({ length: PROXIES }, () => startSocks5()));
    opened.push(() => Promise.all(socks.map((one) => one.close())));

    const clients: Proxy[] = [];
    const databases: Proxy[] = [];
    const replicas: Replica[] = [];
    for (const name of ['messaging-0', 'messaging-1'] as const) {
      const database = await startProxy({ host: '127.0.0.1', port: cluster.postgres.port });
      const port = await findFreePort();
      const client = await startProxy({ host: '127.0.0.1', port });
      const replica = defineReplica({
        name,
        folder,
        history: scenario.history,
        entry: brokenMain ?? MAIN,
        env: {
          ...environment,
          ...(broken === undefined ? {} : { ROBUSTNESS_CONTROL: broken }),
          DATABASE_URL: onPort(cluster.postgres.url, database.port),
          PROXY_REGISTRY_ADDRESS: registry.address,
          GRPC_PORT: String(port),
          ADVERTISED_ADDRESS: `127.0.0.1:${client.port}`,
        },
      });
      opened.push(
        () => database.close(),
        () => client.close(),
        () => replica.stop(),
      );
      clients.push(client);
      databases.push(database);
      replicas.push(replica);
    }
    await Promise.all(replicas.map((replica) => replica.start()));
    const world = new World(telegram.control, cluster, { registry: registry.address, socks, poolAddresses });
    const { members, lent, strangers } = await world.populate(info.environment);
    return {
      cluster,
      control: telegram.control,
      processes: replicas.map((replica) => processOf(replica, recorder)),
      ways: { clients, databases, telegram: relays, socks },
      addresses: clients.map(({ port }) => `127.0.0.1:${port}`),
      poolAddresses,
      members,
      lent,
      strangers,
      environmentId: info.environment,
      async stopTalking() {
        await Promise.all(replicas.map((replica) => replica.stop()));
        for (const relay of relays) await relay.close();
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function processOf(replica: Replica, recorder: Recorder): MessagingProcess {
  const process = replica.name as MessagingName;
  let pausedAt = 0;
  return {
    start: () => replica.start(),
    async kill() {
      recorder.write({ kind: 'killed', t: monotonic(), process });
      await replica.kill();
    },
    suspend() {
      pausedAt = monotonic();
      replica.suspend();
    },
    resume() {
      replica.resume();
      recorder.write({ kind: 'paused', t: pausedAt, end: monotonic(), process });
    },
  };
}

async function relayed(control: Control, recorder: Recorder) {
  const info = await control.getServerInfo({});
  let connections = 0;
  const relays: Relay[] = [];
  for (const dataCenter of info.dataCenters) {
    const { host, port } = dataCenter;
    const relay = await startRelay({ host, port }, recorder, () => (connections += 1));
    dataCenter.port = relay.port;
    relays.push(relay);
  }
  return { info, relays };
}

interface Places {
  readonly registry: string;
  readonly socks: readonly Socks5Server[];
  readonly poolAddresses: readonly string[];
}

/** Makes the accounts at Telegram, in the pool, and on their proxies. */
class World {
  readonly #control: Control;
  readonly #cluster: Cluster;
  readonly #places: Places;
  #phones = 0;

  constructor(control: Control, cluster: Cluster, places: Places) {
    this.#control = control;
    this.#cluster = cluster;
    this.#places = places;
  }

  async populate(environment: string) {
    const [open, closed] = [randomUUIDv7(), randomUUIDv7()];
    const members = await this.#members(open, MEMBERS, environment);
    const lent = await this.#members(closed, LENT, environment);
    const strangers: string[] = [];
    while (strangers.length < STRANGERS) strangers.push((await this.#account()).accountId);
    return { members, lent, strangers };
  }

  async #account() {
    this.#phones += 1;
    const phone = `+1557${String(this.#phones).padStart(7, '0')}`;
    const { account } = await this.#control.createAccount({ account: { phone, dataCenter: DATA_CENTER } });
    return account!;
  }

  async #members(tenantId: string, count: number, environment: string): Promise<Member[]> {
    const { registry, socks, poolAddresses } = this.#places;
    const { meshKey } = this.#cluster;
    const caller = callerOf(tenantId, 'key:setup');
    const pools = clientsOf(SessionPoolService, poolAddresses, meshKey, caller);
    const registries = clientsOf(ProxyRegistryService, [registry], meshKey, caller);
    const proxyIds: string[] = [];
    for (const { host, port } of socks) {
      const { proxy } = await registries.at(0).createProxy({ proxy: { host, port } });
      proxyIds.push(proxy!.proxyId);
    }
    const members: Member[] = [];
    for (let index = 0; index < count; index += 1) {
      const { accountId: user, phone } = await this.#account();
      const { keys } = await this.#control.createAuthorization({ accountId: user, count: 1 });
      const { authorization, authKey } = keys[0]!;
      const accountId = randomUUIDv7();
      const material = {
        dataCenter: DATA_CENTER,
        authKey: Buffer.from(authKey),
        address: { host: '127.0.0.1', port: 1 },
        apiId: 1,
        userId: BigInt(user),
      };
      const { session } = await pools.at(0).importSession({
        name: `account ${index}`,
        material: renderMaterial(material, index % 4 === 0 ? 'telethon-string' : 'pyrogram-string'),
        environment,
        accountId,
      });
      const sessionId = session!.sessionId;
      // Every third goes by a proxy; the others are pinned to none, as they would be without a registry's own.
      const isProxied = index % 3 === 0;
      if (isProxied)
        await registries
          .at(0)
          .assignProxy({ accountId, sessionId, proxyId: proxyIds[index % proxyIds.length]! });
      members.push({ accountId, sessionId, tenantId, user, phone, keyId: authorization!.keyId, isProxied });
    }
    pools.close();
    registries.close();
    return members;
  }
}

import { randomUUIDv7 } from 'node:crypto';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { MessagingService } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { LeaseAccess } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { meshKeys, signMeshToken } from '#lib/auth/mesh-token.ts';
import { operatorScopes, type Principal, type Role, type Scope } from '#lib/auth/principal.ts';
import * as shared from '#lib/config/shared.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import { renderMaterial } from '#lib/telegram/material/detect.ts';
import type { Account } from '../../services/local-telegram/world/state.ts';
import { startServiceProcess, type ServiceProcess } from './service-process.ts';
import { startControl, type TestControl } from './local-telegram-control.ts';
import { startTestTelegram, type TestTelegram } from './local-telegram.ts';
import { startPoolMesh, type PoolMesh } from './session-pool.ts';

export type MessagingClient = Client<typeof MessagingService>;

/** Real messaging processes, with a real pool and a local Telegram. */
export interface MessagingMesh {
  readonly pool: PoolMesh;
  readonly telegram: TestTelegram;
  readonly control: TestControl;
  readonly replicas: readonly ServiceProcess[];
  /** For more replicas. */
  readonly environment: NodeJS.ProcessEnv;
  replica(env?: Record<string, string>): Promise<ServiceProcess>;
  /** A caller of a tenant, with all scopes unless named, at a replica or an address. */
  client(tenantId: string, options?: ClientOptions): MessagingClient;
  /** An account at Telegram that is logged in, and its session in the pool. */
  session(tenantId: string, wanted?: NewTestSession): Promise<TestSession>;
  /** A lease of a caller's own. */
  lease(
    tenantId: string,
    sessionId: bigint,
    options?: { subject?: string; holder?: string },
  ): Promise<{ leaseId: string; fencingToken: bigint }>;
  /** Keys that were on two living connections at once, by what Telegram saw. */
  doubledKeys(): Promise<string[]>;
  stop(): Promise<void>;
}

export interface ClientOptions {
  readonly replica?: number;
  readonly address?: string;
  readonly subject?: string;
  readonly role?: Role;
  readonly scopes?: readonly Scope[];
}

export interface NewTestSession {
  readonly account?: Account;
  readonly accountId?: string;
  /** As of a login elsewhere: the pool does not know whose it is. */
  readonly withoutUser?: boolean;
  readonly labels?: Record<string, string>;
}

export interface TestSession {
  readonly account: Account;
  readonly accountId: string;
  readonly sessionId: bigint;
}

export interface MessagingMeshOptions {
  readonly replicas?: number;
  readonly natsUrl?: string;
  readonly env?: Record<string, string>;
  readonly poolEnv?: Record<string, string>;
  readonly poolReplicas?: number;
}

export async function startMessagingMesh(options: MessagingMeshOptions = {}): Promise<MessagingMesh> {
  const { replicas: count = 1, natsUrl, poolReplicas = 1 } = options;
  const [telegram, pool] = await Promise.all([
    startTestTelegram(),
    startPoolMesh({
      replicas: poolReplicas,
      ...(natsUrl === undefined ? {} : { natsUrl }),
      ...(options.poolEnv ? { env: options.poolEnv } : {}),
    }),
  ]);
  const control = await startControl(telegram.telegram);
  const { environment: environmentId } = await control.control.getServerInfo({});
  const environment: NodeJS.ProcessEnv = {
    ...pool.environment,
    SESSION_POOL_ADDRESS: pool.replicas.map(({ address }) => address).join(','),
    LOCAL_TELEGRAM_ADDRESS: control.address,
    ...options.env,
  };
  const started: ServiceProcess[] = [];
  const replica = async (env: Record<string, string> = {}): Promise<ServiceProcess> => {
    const made = await startServiceProcess('messaging', { ...environment, ...env });
    started.push(made);
    return made;
  };
  const replicas = await Promise.all(Array.from({ length: count }, () => replica()));
  const keys = meshKeys(shared.meshKey.parse(environment['TELEGATE_MESH_KEY']));
  const clients: MessagingClient[] = [];
  return {
    pool,
    telegram,
    control,
    replicas,
    environment,
    replica,
    client(tenantId, { replica: index = 0, address, subject = 'key:test', role = 'user', scopes } = {}) {
      const principal: Principal = {
        tenantId,
        homeTenantId: tenantId,
        subject,
        role,
        scopes: new Set(scopes ?? operatorScopes),
      };
      const client = connect(MessagingService, {
        address: address ?? replicas[index]!.address,
        // As the edge signs it.
        token: () =>
          signMeshToken(keys, { caller: principal, service: 'gateway', ttlMs: 300_000, clock: systemClock }),
      });
      clients.push(client);
      return client;
    },
    async session(tenantId, wanted = {}) {
      const account = wanted.account ?? telegram.account();
      const accountId = wanted.accountId ?? randomUUIDv7();
      const { key } = telegram.telegram.makeAuthorizedKey(account);
      const address = telegram.telegram.dataCenters.find(({ id }) => id === account.dataCenter)!;
      const material = {
        dataCenter: account.dataCenter,
        authKey: key,
        address: { host: address.host, port: address.port },
        apiId: 1,
        ...(wanted.withoutUser ? {} : { userId: BigInt(account.id) }),
      };
      const { session } = await pool.client(tenantId).importSession({
        name: `session ${accountId}`,
        material: renderMaterial(material, wanted.withoutUser ? 'telethon-string' : 'pyrogram-string'),
        environment: environmentId,
        accountId,
        labels: wanted.labels ?? {},
      });
      return { account, accountId, sessionId: session!.sessionId };
    },
    async lease(tenantId, sessionId, { subject = 'key:test', holder = 'a desk' } = {}) {
      const { lease } = await pool.client(tenantId, { subject }).acquireLease({
        selector: { sessionId },
        holder,
        access: LeaseAccess.MEDIATED,
      });
      return { leaseId: lease!.leaseId, fencingToken: lease!.fencingToken };
    },
    doubledKeys: () => doubledKeys(control),
    async stop() {
      for (const client of clients) client.close();
      await Promise.all(started.map((one) => one.stop()));
      await control.close();
      await telegram.close();
      await pool.stop();
    },
  };
}

/** By the log: a key whose use on one connection began before its last message on an earlier one. */
async function doubledKeys(control: TestControl): Promise<string[]> {
  const uses = new Map<string, { from: number; to: number }[]>();
  let pageToken = '';
  do {
    const page = await control.control.listConnections({ pageSize: 1_000, pageToken });
    for (const { keys, closeTime } of page.connections)
      for (const { keyId, firstMessageTime, lastMessageTime } of keys) {
        const from = timestampMs(firstMessageTime!);
        // Open until its close, whether or not it says anything.
        const to = closeTime ? Math.max(timestampMs(closeTime), timestampMs(lastMessageTime!)) : Infinity;
        uses.set(keyId, [...(uses.get(keyId) ?? []), { from, to }]);
      }
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return [...uses].flatMap(([keyId, spans]) => {
    const ordered = spans.toSorted((a, b) => a.from - b.from);
    const isDoubled = ordered.some((span, index) => index > 0 && span.from < ordered[index - 1]!.to);
    return isDoubled ? [keyId] : [];
  });
}

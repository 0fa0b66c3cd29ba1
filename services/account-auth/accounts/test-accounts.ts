import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { pino } from 'pino';
import type { Account } from '#gen/telegate/account_auth/v1/account_pb.ts';
import * as requests from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { EventSchema, type Event } from '#gen/telegate/events/v1/events_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { Principal, Scope } from '#lib/auth/principal.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { openDatabase } from '#lib/postgres/database.ts';
import { connect } from '#lib/rpc/client.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { expectNoLeaks } from '../../../tests/support/postgres.ts';
import { startPoolMesh, type PoolMesh, type PoolMeshOptions } from '../../../tests/support/session-pool.ts';
import type { AccountAuthTables } from '../tables.ts';
import type { Accounts } from './accounts.ts';
import { accountRoutes } from './routes.ts';
import type { AccountsOnTelegram } from './visit.ts';

/** The accounts in this process, on a real database, beside a real session-pool. */
export interface TestAccounts extends Accounts {
  readonly mesh: PoolMesh;
  readonly woken: { relay: number; settling: number };
  /** With another address of the pool, or none that answers. */
  at(address: string): Accounts;
  close(): Promise<void>;
}

export const ENVIRONMENT = 'local';

export async function openTestAccounts(options: PoolMeshOptions = {}): Promise<TestAccounts> {
  const mesh = await startPoolMesh(options);
  const database = openDatabase<AccountAuthTables>({
    url: mesh.database.url,
    schema: 'account_auth',
    poolSize: 6,
    applicationName: 'tests',
    log: pino({ level: 'silent' }),
  });
  const clients: { close(): void }[] = [];
  const woken = { relay: 0, settling: 0 };
  const connected = (address: string) => {
    const client = connect(SessionPoolService, {
      address,
      token: (caller) => mesh.tokenOf(caller!),
      connectTimeoutMs: 500,
    });
    clients.push(client);
    return client;
  };
  const accounts: Accounts = {
    database,
    masterKeys: { current: 1, keys: new Map([[1, randomBytes(32)]]) },
    clock: systemClock,
    log: pino({ level: 'silent' }),
    sessionPool: connected(mesh.replicas[0]!.address),
    environment: ENVIRONMENT,
    wakeRelay: () => void (woken.relay += 1),
    wakeSettling: () => void (woken.settling += 1),
  };
  return {
    ...accounts,
    mesh,
    woken,
    at: (address) => ({ ...accounts, sessionPool: connected(address) }),
    async close() {
      for (const client of clients) client.close();
      await expectNoLeaks(database);
      await database.close();
      await mesh.stop();
    },
  };
}

export function callOf(
  tenantId: string,
  more: Partial<Principal> & { signal?: AbortSignal; remainingMs?: number } = {},
): CallContext {
  const { signal, remainingMs = 10_000, ...caller } = more;
  const scopes: ReadonlySet<Scope> = new Set(['account:read', 'account:write']);
  return {
    principal: { tenantId, subject: 'key:test', role: 'user', scopes, homeTenantId: tenantId, ...caller },
    signal: signal ?? new AbortController().signal,
    deadline: Infinity,
    remainingMs: () => remainingMs,
    traceId: '0'.repeat(32),
    metadata: { get: () => undefined, has: () => false },
    peer: 'test',
    onGoAway: () => () => undefined,
  };
}

/** A caller in a tenant of its own. */
export function newCaller(): CallContext & { tenantId: string } {
  const tenantId = randomUUIDv7();
  return { ...callOf(tenantId), tenantId };
}

let phones = 0;
export function newPhone(): string {
  phones += 1;
  return `+1777${String(phones).padStart(7, '0')}`;
}

/** The calls of this capability as a client makes them, less the wire. */
export function accountCalls(accounts: Accounts, telegram?: AccountsOnTelegram) {
  const routes = accountRoutes(accounts, telegram);
  return {
    /** With a name and a phone of its own unless the request has them. */
    async create(
      ctx: CallContext,
      account: NonNullable<MessageInitShape<typeof requests.CreateAccountRequestSchema>['account']> = {},
      requestId = '',
    ): Promise<Account> {
      const filled = { name: 'Ann', phone: newPhone(), ...account };
      const request = create(requests.CreateAccountRequestSchema, { account: filled as never, requestId });
      return (await routes.createAccount(request, ctx)).account as Account;
    },
    async get(
      ctx: CallContext,
      key: NonNullable<MessageInitShape<typeof requests.GetAccountRequestSchema>['key']>,
    ): Promise<Account> {
      const request = create(requests.GetAccountRequestSchema, { key });
      return (await routes.getAccount(request, ctx)).account as Account;
    },
    async list(ctx: CallContext, request: MessageInitShape<typeof requests.ListAccountsRequestSchema> = {}) {
      const answer = await routes.listAccounts(create(requests.ListAccountsRequestSchema, request), ctx);
      return answer as requests.ListAccountsResponse;
    },
    async update(
      ctx: CallContext,
      account: NonNullable<MessageInitShape<typeof requests.UpdateAccountRequestSchema>['account']>,
      paths: string[],
    ): Promise<Account> {
      const request = create(requests.UpdateAccountRequestSchema, { account, updateMask: { paths } });
      return (await routes.updateAccount(request, ctx)).account as Account;
    },
    async remove(
      ctx: CallContext,
      request: MessageInitShape<typeof requests.DeleteAccountRequestSchema>,
    ): Promise<void> {
      await routes.deleteAccount(create(requests.DeleteAccountRequestSchema, request), ctx);
    },
    async logOut(ctx: CallContext, accountId: string, force = false): Promise<Account> {
      const request = create(requests.LogOutAccountRequestSchema, { accountId, force });
      return (await routes.logOutAccount(request, ctx)).account as Account;
    },
    async check(ctx: CallContext, accountId: string): Promise<requests.CheckAccountResponse> {
      const request = create(requests.CheckAccountRequestSchema, { accountId });
      return (await routes.checkAccount(request, ctx)) as requests.CheckAccountResponse;
    },
  };
}

/** What was written to be published, of one entity, in its order. */
export async function eventsOf({ database }: Accounts, entityId: string): Promise<Event['payload'][]> {
  const { rows } = await sql<{ payload: Buffer }>`
    select payload from outbox where entity_id = ${entityId} order by position`.execute(database.kysely);
  return rows.map(({ payload }) => fromBinary(EventSchema, payload).payload);
}

import { randomUUIDv7 } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { create, fromBinary } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { EventSchema, type Event } from '#gen/telegate/events/v1/events_pb.ts';
import { ActorSchema, type Actor } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { Principal } from '#lib/auth/principal.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { openDatabase } from '#lib/postgres/database.ts';
import { Cancelled, DomainError, NotFound } from '#lib/rpc/errors.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import type { AccountSession } from '#lib/telegram/account-session.ts';
import { environmentOf, heldLease, makeSession, quiet } from '../../tests/support/driver.ts';
import { startTestTelegram, type TestTelegram } from '../../tests/support/local-telegram.ts';
import { createTestDatabase, expectNoLeaks } from '../../tests/support/postgres.ts';
import type { NewAccount } from '../local-telegram/world/accounts.ts';
import type { Account } from '../local-telegram/world/state.ts';
import type { Connections, LiveSession } from './connections/live-session.ts';
import { createPeerBook } from './peers/book.ts';
import { FETCH_RULES } from './sending/fetch.ts';
import { createSends } from './sending/once.ts';
import type { Sending } from './sending/sending.ts';
import type { MessagingTables } from './tables.ts';

/** An account of the local Telegram, and how a call says that it acts. */
export interface Acting {
  readonly account: Account;
  readonly actor: Actor;
  readonly session: LiveSession;
  readonly guard: ReturnType<typeof heldLease>;
}

export interface TestMessaging extends Sending {
  readonly url: string;
  readonly telegram: TestTelegram;
  readonly tenantId: string;
  acting(wanted?: Partial<NewAccount>): Acting;
  /** The same with an empty memory, as after a restart. */
  restarted(): TestMessaging;
  events(): Promise<Event[]>;
  close(): Promise<void>;
}

const SCHEMA = 'messaging';

/** Postgres, a local Telegram and the driver, all real; only who holds which session is settled here. */
export async function openTestMessaging(): Promise<TestMessaging> {
  const folder = fileURLToPath(new URL('migrations', import.meta.url));
  const [telegram, { url, drop }] = await Promise.all([
    startTestTelegram(),
    createTestDatabase({ migrations: [{ schema: SCHEMA, folder }] }),
  ]);
  const database = openDatabase<MessagingTables>({
    url,
    schema: SCHEMA,
    poolSize: 8,
    applicationName: 'test',
    log: quiet,
  });
  const tenantId = randomUUIDv7();
  const held = new Map<bigint, LiveSession>();
  const opened: AccountSession[] = [];
  const connections: Connections = {
    use(actor, _ctx, work) {
      const session = actor?.actor.case === 'sessionId' ? held.get(actor.actor.value) : undefined;
      return session ? work(session) : Promise.reject(new NotFound('session', 'of the test'));
    },
    keep: () => undefined,
    onSession: () => () => undefined,
    sessions: () => held.values(),
  };
  const shared = {
    database,
    connections,
    processId: 'messaging:test',
    clock: systemClock,
    random: Math.random,
    log: quiet,
    wakeRelay: () => undefined,
    postCeiling: 3,
    fetchRules: { ...FETCH_RULES, privateAddresses: 'loopback' as const },
  };
  const made = (): TestMessaging => ({
    ...shared,
    book: createPeerBook(shared),
    sends: createSends(shared),
    url,
    telegram,
    tenantId,
    acting(wanted = {}) {
      const account = telegram.account(wanted);
      const key = telegram.telegram.makeAuthorizedKey(account);
      const sessionId = BigInt(held.size + 1);
      const guard = heldLease(sessionId);
      const { session } = makeSession({
        telegram: environmentOf(telegram.telegram),
        dataCenter: account.dataCenter,
        authKey: key.key,
        options: { guard },
      });
      opened.push(session);
      const live: LiveSession = {
        sessionId,
        accountId: randomUUIDv7(),
        tenantId,
        userId: BigInt(account.id),
        environment: 'local-test',
        get state() {
          return session.state;
        },
        call: (request, options = {}) => session.call(request, { deadlineMs: 10_000, ...options }),
        updates: undefined,
      };
      held.set(sessionId, live);
      const actor = create(ActorSchema, { actor: { case: 'sessionId', value: sessionId } });
      return { account, actor, session: live, guard };
    },
    restarted: () => made(),
    async events() {
      const { rows } = await sql<{ payload: Buffer }>`select payload from outbox order by position`.execute(
        database.kysely,
      );
      return rows.map(({ payload }) => fromBinary(EventSchema, payload));
    },
    async close() {
      await Promise.all(opened.map((session) => session.close()));
      await expectNoLeaks(database);
      await database.close();
      await telegram.close();
      await drop();
    },
  });
  return made();
}

export function callOf(tenantId: string, more: Partial<Principal> = {}): CallContext {
  return {
    principal: {
      tenantId,
      subject: 'key:test',
      role: 'user',
      scopes: new Set(['message:read', 'message:send', 'engage:write']),
      homeTenantId: tenantId,
      ...more,
    },
    signal: new AbortController().signal,
    deadline: Infinity,
    remainingMs: () => Infinity,
    traceId: '0'.repeat(32),
    metadata: { get: () => undefined, has: () => false },
    peer: 'test',
    onGoAway: () => () => undefined,
  };
}

export async function refusal(call: Promise<unknown>): Promise<DomainError> {
  const error: unknown = await call.then(
    () => new Cancelled(),
    (thrown: unknown) => thrown,
  );
  if (error instanceof DomainError && !(error instanceof Cancelled)) return error;
  throw error;
}

/** How often an account called a method of Telegram. */
export function callsOf({ telegram }: TestMessaging, { id }: Account, method: string): number {
  const { calls } = telegram.telegram.log;
  let count = 0;
  for (let number = calls.first; number < calls.next; number += 1) {
    const one = calls.at(number)!;
    if (one.method === method && one.accountId === id) count += 1;
  }
  return count;
}

/** The texts in the chat of `account` with `other`, the oldest first. */
export function textsBetween(account: Account, other: Account): string[] {
  const ids = account.dialogs.get(other.id)?.ids ?? [];
  return ids.flatMap((id) => {
    const { deleted, content } = account.messages.get(id)!;
    return deleted ? [] : [content.text];
  });
}

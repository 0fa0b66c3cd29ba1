import { randomUUIDv7 } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { AccountState, AccountStatus } from '#gen/telegate/account_auth/v1/account_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { EventSchema, type Event } from '#gen/telegate/events/v1/events_pb.ts';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { openBus, type EventBus } from '#lib/events/bus.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { natsMissing, startNats } from '../../../tests/support/nats.ts';
import { telethonString } from '../../../tests/support/session-pool.ts';
import { consumeSessionEvents } from './session-events.ts';
import { startSettling } from './settle.ts';
import { recordLogin, takeTurn } from './store.ts';
import {
  accountCalls,
  ENVIRONMENT,
  eventsOf,
  newCaller,
  newPhone,
  openTestAccounts,
  type TestAccounts,
} from './test-accounts.ts';

const cleanups: (() => Promise<unknown> | void)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function setUp(natsUrl?: string) {
  const accounts = await openTestAccounts(natsUrl === undefined ? {} : { natsUrl });
  cleanups.push(() => accounts.close());
  const bus = await openBus({ natsUrl, databaseUrl: accounts.mesh.database.url, log: accounts.log });
  cleanups.push(() => bus.close());
  const settling = startSettling({ accounts });
  cleanups.push(() => settling.stop());
  const consumer = await consumeSessionEvents({ ...accounts, wakeSettling: () => settling.wake() }, bus);
  cleanups.push(() => consumer.stop());
  return { accounts, bus, calls: accountCalls(accounts) };
}

const carriers = natsMissing === undefined ? ['PostgreSQL', 'NATS'] : ['PostgreSQL'];

describe.each(carriers)('over %s', (carrier) => {
  let accounts: TestAccounts;
  let bus: EventBus;
  let calls: ReturnType<typeof accountCalls>;
  beforeAll(async () => {
    let natsUrl: string | undefined;
    if (carrier === 'NATS') {
      const nats = await startNats();
      cleanups.push(() => nats.stop());
      natsUrl = nats.url;
    }
    ({ accounts, bus, calls } = await setUp(natsUrl));
  }, 60_000);

  const pool = (ctx: CallContext) => accounts.mesh.client(ctx.principal.tenantId);
  const mesh = (ctx: CallContext) => accounts.mesh.mesh(ctx.principal.tenantId);
  async function imported(ctx: CallContext, more: object = {}): Promise<bigint> {
    const name = `session ${randomUUIDv7()}`;
    const request = {
      name,
      material: telethonString(),
      environment: ENVIRONMENT,
      labels: { team: 'a' },
      ...more,
    };
    return (await pool(ctx).importSession(request)).session!.sessionId;
  }
  const bySession = (ctx: CallContext, value: bigint) => calls.get(ctx, { case: 'sessionId', value });
  const sessionOf = async (ctx: CallContext, sessionId: bigint) =>
    (await pool(ctx).getSession({ sessionId })).session!;
  /** What is true in the end, and soon. */
  function soon<T>(read: () => Promise<T>) {
    const until = (check: (value: T) => void) =>
      vi.waitFor(async () => check(await read()), { timeout: 15_000 });
    return {
      toBe: (wanted: T) => until((value) => expect(value).toBe(wanted)),
      toMatchObject: (wanted: object) => until((value) => expect(value).toMatchObject(wanted)),
      toHaveLength: (wanted: number) => until((value) => expect(value).toHaveLength(wanted)),
    };
  }

  test('a session that is imported gets an account, and the pool hears whose it is', async () => {
    const ctx = newCaller();
    const sessionId = await imported(ctx, { name: 'from a file' });
    await soon(() => bySession(ctx, sessionId)).toMatchObject({
      name: 'from a file',
      phone: '',
      state: AccountState.AUTHORISED,
      status: AccountStatus.ACTIVE,
      labels: { team: 'a' },
      environment: ENVIRONMENT,
    });
    const { accountId } = await bySession(ctx, sessionId);
    await soon(() => sessionOf(ctx, sessionId)).toMatchObject({ accountId, labels: { team: 'a' } });
    await pool(ctx).deleteSession({ sessionId });
    await soon(async () => (await calls.list(ctx)).accounts).toHaveLength(0);
    await expect(bySession(ctx, sessionId)).rejects.toMatchObject({ reason: ErrorReason.NOT_FOUND });
  });

  test('one that comes for an account is that account’s, which keeps what its owner wanted', async () => {
    const ctx = newCaller();
    const account = await calls.create(ctx, {
      labels: { team: 'b', tier: '1' },
      status: AccountStatus.PAUSED,
    });
    const { accountId } = account;
    const sessionId = await imported(ctx, { accountId });
    const labels = { team: 'a', tier: '1' };
    await soon(() => bySession(ctx, sessionId)).toMatchObject({ accountId, phone: account.phone, labels });
    await soon(() => sessionOf(ctx, sessionId)).toMatchObject({ paused: true, labels });
    expect((await calls.list(ctx)).accounts).toHaveLength(1);
  });

  test('an id of another tenant’s account is not believed', async () => {
    const other = await calls.create(newCaller());
    const ctx = newCaller();
    const sessionId = await imported(ctx, { accountId: other.accountId });
    await soon(() => bySession(ctx, sessionId)).toMatchObject({ state: AccountState.AUTHORISED });
    const { accountId } = await bySession(ctx, sessionId);
    expect(accountId).not.toBe(other.accountId);
    await soon(() => sessionOf(ctx, sessionId)).toMatchObject({ accountId });
  });

  test('the state follows what becomes of the session, and each change is told', async () => {
    const ctx = newCaller();
    const account = await calls.create(ctx);
    const { accountId } = account;
    const sessionId = await imported(ctx, { accountId });
    const state = async () => (await calls.get(ctx, { case: 'accountId', value: accountId })).state;
    await soon(state).toBe(AccountState.AUTHORISED);
    for (const [condition, expected] of [
      [SessionState.NEEDS_LOGIN, AccountState.NEEDS_LOGIN],
      [SessionState.FROZEN, AccountState.FROZEN],
      [SessionState.BANNED, AccountState.BANNED],
    ] as const) {
      await pool(ctx).invalidateSession({ sessionId, condition, reason: 'AS_TELEGRAM_SAID' });
      await soon(state).toBe(expected);
      expect((await bySession(ctx, sessionId)).stateReason).toBe('AS_TELEGRAM_SAID');
      await pool(ctx).restoreSession({ sessionId });
      await soon(state).toBe(AccountState.AUTHORISED);
    }
    // Taken out by hand says nothing of the account.
    await pool(ctx).invalidateSession({ sessionId, condition: SessionState.INVALID, reason: 'by hand' });
    await pool(ctx).deleteSession({ sessionId });
    await soon(() => calls.get(ctx, { case: 'accountId', value: accountId })).toMatchObject({
      state: AccountState.NEEDS_LOGIN,
      sessionId: 0n,
      phone: account.phone,
    });
    const told = (await eventsOf(accounts, accountId)).map(({ case: name, value }) => [name, value]);
    expect(told).toMatchObject([
      ['accountNeedsLogin', { accountId, telegramError: 'AS_TELEGRAM_SAID' }],
      ['accountFrozen', { accountId }],
      ['accountBanned', { accountId }],
      ['accountNeedsLogin', { accountId, telegramError: 'its session left the pool' }],
    ]);
  });

  test('labels and pausing that were changed at the pool are seen; the etag changes with them', async () => {
    const ctx = newCaller();
    const sessionId = await imported(ctx);
    await soon(() => sessionOf(ctx, sessionId)).toMatchObject({
      accountId: expect.stringMatching(/./) as string,
    });
    await soon(() => bySession(ctx, sessionId)).toMatchObject({ labels: { team: 'a' } });
    const { etag } = await bySession(ctx, sessionId);
    await pool(ctx).updateSession({
      session: { sessionId, labels: { team: 'c' } },
      updateMask: { paths: ['labels'] },
    });
    await mesh(ctx).updateSession({
      session: { sessionId, paused: true },
      updateMask: { paths: ['paused'] },
    });
    await soon(() => bySession(ctx, sessionId)).toMatchObject({
      labels: { team: 'c' },
      status: AccountStatus.PAUSED,
      etag: expect.not.stringMatching(`^${etag}$`) as string,
    });
    // And back by the account: what older events tell of it changes nothing any more.
    const { accountId } = await bySession(ctx, sessionId);
    for (let round = 0; round < 5; round += 1) {
      const labels = { round: String(round) };
      await calls.update(ctx, { accountId, labels, status: AccountStatus.ACTIVE }, ['labels', 'status']);
      expect(await bySession(ctx, sessionId)).toMatchObject({ labels, status: AccountStatus.ACTIVE });
    }
    await soon(() => sessionOf(ctx, sessionId)).toMatchObject({ labels: { round: '4' }, paused: false });
    expect((await bySession(ctx, sessionId)).labels).toEqual({ round: '4' });
  });

  test('a login that is recorded before its event, or after it, is one account', async () => {
    for (const order of ['before', 'after']) {
      const ctx = newCaller();
      const { tenantId } = ctx;
      const accountId = randomUUIDv7();
      const phone = newPhone();
      const login = {
        phone,
        telegramUserId: phone.slice(-8),
        username: 'u',
        name: 'Ann',
        labels: { team: 'a' },
      };
      const record = (sessionId: bigint) =>
        transaction(accounts.database, (trx) =>
          recordLogin(trx, {
            tenantId,
            accountId,
            ...login,
            sessionId,
            environment: ENVIRONMENT,
            loginTime: new Date(),
          }),
        );
      const sessionId = await imported(ctx, { accountId });
      if (order === 'after')
        await soon(() => bySession(ctx, sessionId)).toMatchObject({ accountId, phone: '' });
      await record(sessionId);
      await imported(ctx);
      await soon(async () => (await calls.list(ctx)).accounts).toHaveLength(2);
      expect(await bySession(ctx, sessionId)).toMatchObject({
        accountId,
        phone,
        state: AccountState.AUTHORISED,
      });
    }
  });

  test('what the owner wanted before the login outlasts an event that knows less', async () => {
    const ctx = newCaller();
    const { tenantId } = ctx;
    const status = AccountStatus.PAUSED;
    const { accountId, phone } = await calls.create(ctx, { labels: { tier: '1' }, status });
    const login = { telegramUserId: phone.slice(-8), username: '', name: '', labels: { team: 'a' } };
    let sessionId = 0n;
    await transaction(accounts.database, async (trx) => {
      // The event waits until the login is recorded.
      await takeTurn(trx, tenantId);
      sessionId = await imported(ctx, { accountId });
      const known = {
        tenantId,
        accountId,
        phone,
        sessionId,
        environment: ENVIRONMENT,
        loginTime: new Date(),
      };
      await recordLogin(trx, { ...login, ...known });
    });
    const labels = { team: 'a', tier: '1' };
    await soon(() => sessionOf(ctx, sessionId)).toMatchObject({ labels, paused: true });
    expect(await bySession(ctx, sessionId)).toMatchObject({ accountId, labels, status });
  });

  test('events that are old, seen before or without sense change nothing; a limit is kept', async () => {
    const ctx = newCaller();
    const account = await calls.create(ctx);
    const { accountId } = account;
    const sessionId = await imported(ctx, { accountId });
    await soon(() => bySession(ctx, sessionId)).toMatchObject({ accountId });
    const state = async () => (await bySession(ctx, sessionId)).state;
    const say = async (
      service: string,
      sequence: bigint,
      payload: Event['payload'],
      occurTime = new Date(),
    ) => {
      const eventId = randomUUIDv7();
      const name = payload.case!.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      const entityId = String(sessionId);
      const { tenantId } = ctx;
      const event = create(EventSchema, {
        eventId,
        version: 1,
        tenantId,
        entityId,
        sequence,
        occurTime: timestampFromDate(occurTime),
        payload: payload as never,
      });
      const subject = `telegate.v1.${service}.${entityId}.${name}`;
      const bytes = toBinary(EventSchema, event);
      const [outcome] = await bus.publish([
        { eventId, subject, tenantId, entityId, entitySequence: sequence, payload: bytes, headers: {} },
      ]);
      expect(outcome).toMatchObject({ ok: true });
      return eventId;
    };
    const handled = async (eventId: string) => {
      const { rows } = await sql`select from inbox where event_id = ${eventId}::uuid`.execute(
        accounts.database.kysely,
      );
      return rows.length;
    };
    const limited = {
      $typeName: 'telegate.events.v1.SessionLimited',
      sessionId,
      telegramError: 'PEER_FLOOD',
    } as const;
    const banned = {
      $typeName: 'telegate.events.v1.SessionInvalidated',
      sessionId,
      condition: 'banned',
      reason: '',
    } as const;
    const restored = { $typeName: 'telegate.events.v1.SessionRestored', sessionId } as const;
    await say('messaging', 1n, { case: 'sessionLimited', value: limited });
    await soon(state).toBe(AccountState.LIMITED);
    expect((await bySession(ctx, sessionId)).stateReason).toBe('PEER_FLOOD');
    await say('session_pool', 50n, { case: 'sessionRestored', value: restored });
    // A lower sequence; then a higher one that happened before what is known.
    const low = await say('session_pool', 40n, { case: 'sessionInvalidated', value: banned });
    const late = await say(
      'session_pool',
      60n,
      { case: 'sessionInvalidated', value: banned },
      new Date(1_000),
    );
    for (const eventId of [low, late]) await soon(() => handled(eventId)).toBe(1);
    expect(await state()).toBe(AccountState.LIMITED);
    await say('session_pool', 70n, { case: 'sessionInvalidated', value: banned });
    await soon(state).toBe(AccountState.BANNED);
    expect((await eventsOf(accounts, accountId)).map(({ case: name }) => name)).toEqual([
      'accountLimited',
      'accountBanned',
    ]);
  });
});

import { randomBytes, randomUUIDv7 } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { AccountState, type Account } from '#gen/telegate/account_auth/v1/account_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { FaultMoment, RefusalKind, type FaultSpecSchema } from '#gen/telegate/local_telegram/v1/faults_pb.ts';
import { AuthorizationEnd } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { servicePrincipal } from '#lib/auth/principal.ts';
import { connect } from '#lib/rpc/client.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { createBreakers } from '#lib/telegram/breakers.ts';
import { liveSockets } from '#lib/telegram/census.ts';
import { HeldSessions } from '#lib/telegram/held/held-sessions.ts';
import { renderMaterial } from '#lib/telegram/material/detect.ts';
import { PingWheel } from '#lib/telegram/ping-wheel.ts';
import { application, environmentOf } from '../../../tests/support/driver.ts';
import { startControl, type TestControl } from '../../../tests/support/local-telegram-control.ts';
import { startTestTelegram, type TestTelegram } from '../../../tests/support/local-telegram.ts';
import { withoutRegistry } from '../login/egress.ts';
import { startSettling } from './settle.ts';
import { startHealthSweep } from './sweep.ts';
import {
  accountCalls,
  callOf,
  eventsOf,
  newCaller,
  openTestAccounts,
  type TestAccounts,
} from './test-accounts.ts';
import type { AccountsOnTelegram } from './visit.ts';

let accounts: TestAccounts;
let server: TestTelegram;
let served: TestControl;
let telegram: AccountsOnTelegram;
let calls: ReturnType<typeof accountCalls>;
const closing: (() => Promise<unknown> | void)[] = [];

beforeAll(async () => {
  [accounts, server] = await Promise.all([openTestAccounts(), startTestTelegram()]);
  served = await startControl(server.telegram);
  telegram = reach();
  calls = accountCalls(accounts, telegram);
}, 60_000);
afterEach(async () => {
  await served.control.deleteAllFaults({});
  if (liveSockets() > 0) throw new Error('a visit left a socket');
});
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
  await served.close();
  await server.close();
  await accounts.close();
});

/** As one more replica would. */
function reach(more: Partial<AccountsOnTelegram> = {}): AccountsOnTelegram {
  const { clock, log, mesh } = accounts;
  const own = servicePrincipal('account-auth', randomUUIDv7());
  const client = connect(SessionPoolService, {
    address: mesh.replicas[0]!.address,
    token: (caller) => mesh.tokenOf(caller ?? own),
  });
  const held = new HeldSessions({
    clients: [client],
    processId: `account-auth ${randomUUIDv7()}`,
    principal: own,
    clock,
    log,
    random: () => 0.5,
  });
  closing.push(
    () => client.close(),
    () => held.close(),
  );
  const breakers = createBreakers({ clock, random: Math.random, log, probe: () => Promise.resolve() });
  return {
    environment: environmentOf(server.telegram),
    application,
    breakers,
    held,
    egress: withoutRegistry({ allowDirect: true }),
    pings: new PingWheel(clock),
    tagKey: randomBytes(32),
    random: () => 0.5,
    ...more,
  };
}

const refused = (reason: ErrorReason) => expect.objectContaining({ reason });
const pool = (ctx: CallContext) => accounts.mesh.client(ctx.principal.tenantId);
const sessionOf = async (ctx: CallContext, sessionId: bigint) =>
  (await pool(ctx).getSession({ sessionId })).session!;

/** An account of the local Telegram whose key is in the pool. */
async function loggedIn(ctx: CallContext, phone?: string) {
  const person = server.account({ firstName: 'Ann', username: `ann_${randomBytes(4).toString('hex')}` });
  const record = server.telegram.makeAuthorizedKey(person);
  const account = await calls.create(ctx, phone === undefined ? {} : { phone });
  const { session } = await pool(ctx).importSession({
    name: account.phone,
    material: renderMaterial({ dataCenter: person.dataCenter, authKey: record.key }, 'telethon-string'),
    environment: environmentOf(server.telegram).id,
    accountId: account.accountId,
  });
  const { sessionId } = session!;
  await sql`update accounts set session_id = ${sessionId}, state = 'authorised', session_revision = 1,
      environment = ${environmentOf(server.telegram).id}
    where account_id = ${account.accountId}::uuid`.execute(accounts.database.kysely);
  const isAuthorised = () => record.authorization?.end === AuthorizationEnd.UNSPECIFIED;
  return { person, account, sessionId, record, scope: { accountIds: [String(person.id)] }, isAuthorised };
}

const read = (ctx: CallContext, { accountId }: Account) =>
  calls.get(ctx, { case: 'accountId', value: accountId });
describe('checking', () => {
  test('asks Telegram, keeps who the account is, and leaves the session free and the socket closed', async () => {
    const ctx = newCaller();
    const { account, person, sessionId } = await loggedIn(ctx);
    const { account: checked, latency } = await calls.check(ctx, account.accountId);
    expect(checked).toMatchObject({
      phone: person.phone,
      telegramUserId: String(person.id),
      username: person.username,
      state: AccountState.AUTHORISED,
    });
    expect(checked!.checkTime).toBeDefined();
    expect(latency!.seconds * 1_000_000_000n + BigInt(latency!.nanos)).toBeGreaterThan(0n);
    expect((await sessionOf(ctx, sessionId)).state).toBe(SessionState.FREE);
    expect(await read(ctx, account)).toEqual(checked);
  });

  test('leaves a number alone that another account has', async () => {
    const ctx = newCaller();
    const { account, person } = await loggedIn(ctx);
    await calls.create(ctx, { phone: person.phone });
    const { account: checked } = await calls.check(ctx, account.accountId);
    expect(checked).toMatchObject({ phone: account.phone, telegramUserId: String(person.id) });
  });

  test('works on a paused account, and not on a leased one', async () => {
    const ctx = newCaller();
    const { account, sessionId } = await loggedIn(ctx);
    await accounts.mesh
      .mesh(ctx.tenantId)
      .updateSession({ session: { sessionId, paused: true }, updateMask: { paths: ['paused'] } });
    await calls.check(ctx, account.accountId);
    expect((await sessionOf(ctx, sessionId)).state).toBe(SessionState.PAUSED);
    await accounts.mesh
      .mesh(ctx.tenantId)
      .updateSession({ session: { sessionId, paused: false }, updateMask: { paths: ['paused'] } });
    await pool(ctx).acquireLease({ selector: { sessionId }, holder: 'worker-7' });
    await expect(calls.check(ctx, account.accountId)).rejects.toMatchObject({
      reason: ErrorReason.SESSION_LEASED,
      metadata: { holder: 'worker-7' },
    });
  });

  test('a key that Telegram has forgotten: the account needs a login, here and in the pool', async () => {
    const ctx = newCaller();
    const { account, sessionId, scope } = await loggedIn(ctx);
    await served.control.createFault({
      spec: { scope, fault: { case: 'rpcError', value: { code: 401, text: 'SESSION_REVOKED' } } },
    });
    await expect(calls.check(ctx, account.accountId)).rejects.toEqual(refused(ErrorReason.NEEDS_LOGIN));
    expect(await read(ctx, account)).toMatchObject({
      state: AccountState.NEEDS_LOGIN,
      stateReason: 'SESSION_REVOKED',
    });
    await vi.waitFor(async () =>
      expect((await sessionOf(ctx, sessionId)).state).toBe(SessionState.NEEDS_LOGIN),
    );
    expect(await eventsOf(accounts, account.accountId)).toMatchObject([{ case: 'accountNeedsLogin' }]);
    // And again without Telegram being asked.
    await expect(calls.check(ctx, account.accountId)).rejects.toEqual(refused(ErrorReason.NEEDS_LOGIN));
  });

  test('a ban is kept; when Telegram answers again it is over', async () => {
    const ctx = newCaller();
    const { account, sessionId, scope } = await loggedIn(ctx);
    await served.control.createFault({
      spec: {
        scope,
        count: 1,
        fault: { case: 'rpcError', value: { code: 401, text: 'USER_DEACTIVATED_BAN' } },
      },
    });
    await expect(calls.check(ctx, account.accountId)).rejects.toEqual(refused(ErrorReason.ACCOUNT_BANNED));
    expect((await read(ctx, account)).state).toBe(AccountState.BANNED);
    await vi.waitFor(async () => expect((await sessionOf(ctx, sessionId)).state).toBe(SessionState.BANNED));
    await pool(ctx).restoreSession({ sessionId });
    expect((await calls.check(ctx, account.accountId)).account!.state).toBe(AccountState.AUTHORISED);
  });

  test('a limit is believed for a day', async () => {
    const ctx = newCaller();
    const { account } = await loggedIn(ctx);
    const limited = (age: string) =>
      sql`update accounts set state = 'limited', state_time = clock_timestamp() - interval '${sql.raw(age)}'
        where account_id = ${account.accountId}::uuid`.execute(accounts.database.kysely);
    await limited('1 hour');
    expect((await calls.check(ctx, account.accountId)).account!.state).toBe(AccountState.LIMITED);
    await limited('25 hours');
    expect((await calls.check(ctx, account.accountId)).account!.state).toBe(AccountState.AUTHORISED);
  });

  test.each<[string, MessageInitShape<typeof FaultSpecSchema>['fault']]>([
    ['no connection', { case: 'refuseConnections', value: { kind: RefusalKind.RESET } }],
    ['a flood wait', { case: 'floodWait', value: { wait: { seconds: 42n } } }],
    ['trouble at Telegram', { case: 'rpcError', value: { code: 500, text: 'RPC_CALL_FAIL' } }],
    ['a connection that breaks', { case: 'drop', value: { moment: FaultMoment.AFTER_CALL } }],
    ['silence', { case: 'silence', value: { moment: FaultMoment.BEFORE_CALL } }],
    ['an error that nobody knows', { case: 'rpcError', value: { code: 400, text: 'SOMETHING_NEW' } }],
  ])('%s decides nothing', async (name, fault) => {
    const ctx = newCaller();
    const { account, sessionId, scope } = await loggedIn(ctx);
    const spec = name === 'no connection' ? { fault } : { scope, fault };
    await served.control.createFault({ spec });
    const hurried = callOf(ctx.tenantId, { remainingMs: 1_500 });
    await expect(calls.check(hurried, account.accountId)).rejects.toThrow(/./);
    expect(await read(ctx, account)).toMatchObject({ state: AccountState.AUTHORISED, sessionId });
    const { state } = await sessionOf(ctx, sessionId);
    expect([SessionState.FREE, SessionState.FLOOD_WAIT, SessionState.CLOSING]).toContain(state);
    expect(await eventsOf(accounts, account.accountId)).toEqual([]);
  });

  test('an account without a session, of another tenant or of another Telegram', async () => {
    const ctx = newCaller();
    const fresh = await calls.create(ctx);
    await expect(calls.check(ctx, fresh.accountId)).rejects.toEqual(refused(ErrorReason.NEEDS_LOGIN));
    expect((await read(ctx, fresh)).state).toBe(AccountState.NEW);
    const { account, sessionId } = await loggedIn(ctx);
    await expect(calls.check(newCaller(), account.accountId)).rejects.toEqual(refused(ErrorReason.NOT_FOUND));
    await sql`update session_pool.sessions set environment = 'telegram' where session_id = ${sessionId}`.execute(
      accounts.database.kysely,
    );
    await expect(calls.check(ctx, account.accountId)).rejects.toMatchObject({
      reason: ErrorReason.SESSION_UNUSABLE,
      metadata: { state: 'elsewhere' },
    });
  });

  test('an account that may not connect directly and has no proxy is not connected', async () => {
    const ctx = newCaller();
    const { account, sessionId } = await loggedIn(ctx);
    const strict = accountCalls(accounts, reach({ egress: withoutRegistry({ allowDirect: false }) }));
    await expect(strict.check(ctx, account.accountId)).rejects.toEqual(refused(ErrorReason.NO_EGRESS));
    expect((await sessionOf(ctx, sessionId)).state).toBe(SessionState.FREE);
    await calls.update(ctx, { accountId: account.accountId, allowDirect: true }, ['allow_direct']);
    await strict.check(ctx, account.accountId);
  });
});

describe('the health sweep', () => {
  async function swept(count: number): Promise<Account[]> {
    await sql`update accounts set session_id = null`.execute(accounts.database.kysely);
    const ctx = newCaller();
    const made: Account[] = [];
    for (let index = 0; index < count; index += 1) made.push((await loggedIn(ctx)).account);
    return made;
  }
  const checkedAt = async () => {
    const { rows } = await sql<{ at: Date }>`
      select check_time as at from accounts where session_id is not null and check_time is not null
      order by check_time`.execute(accounts.database.kysely);
    return rows.map(({ at }) => at.getTime());
  };

  test('checks each account once, by five replicas, at the rate of one', async () => {
    await swept(12);
    const perMinute = 600;
    const replicas = Array.from({ length: 5 }, () => reach()).map((reached) =>
      startHealthSweep(accounts, reached, { perMinute }),
    );
    await vi.waitFor(async () => expect(await checkedAt()).toHaveLength(12), { timeout: 20_000 });
    await Promise.all(replicas.map((replica) => replica.stop()));
    const times = await checkedAt();
    expect(times.at(-1)! - times[0]!).toBeGreaterThan(11 * 100 * 0.8);
    expect(server.telegram.connections.size).toBe(0);
  }, 40_000);

  test('leaves alone what is paused, in use, waited for, dead, elsewhere or checked lately', async () => {
    const [busy, paused, dead, lately, elsewhere, fine] = await swept(6);
    const change = (account: Account | undefined, columns: string) =>
      sql`update accounts set ${sql.raw(columns)} where account_id = ${account!.accountId}::uuid`.execute(
        accounts.database.kysely,
      );
    await change(paused, 'paused = true');
    await change(dead, "state = 'banned'");
    await change(elsewhere, "environment = 'telegram'");
    await change(lately, 'check_time = clock_timestamp()');
    const { rows } = await sql<{ tenant_id: string; session_id: bigint }>`
      select tenant_id, session_id from accounts where account_id = ${busy!.accountId}::uuid`.execute(
      accounts.database.kysely,
    );
    const { tenant_id: tenantId, session_id: sessionId } = rows[0]!;
    const client = accounts.mesh.client(tenantId);
    const { lease } = await client.acquireLease({ selector: { sessionId } });
    const waiting = client.acquireLease({ selector: { sessionId }, wait: durationFromMs(30_000) });
    const sweep = startHealthSweep(accounts, telegram, { perMinute: 6_000 });
    const started = async () => {
      const { rows: seen } = await sql<{ account_id: string }>`
        select account_id from accounts where check_start_time is not null and session_id is not null`.execute(
        accounts.database.kysely,
      );
      return seen.map(({ account_id }) => account_id).toSorted();
    };
    await vi.waitFor(async () =>
      expect(await started()).toEqual([busy!.accountId, fine!.accountId].toSorted()),
    );
    await vi.waitFor(async () => expect(await checkedAt()).toHaveLength(2));
    const { leaseId, fencingToken } = lease!;
    await client.releaseLease({ lease: { leaseId, fencingToken } });
    expect((await waiting).lease!.sessionId).toBe(sessionId);
    await sweep.stop();
    expect(await started()).toEqual([busy!.accountId, fine!.accountId].toSorted());
  });
});

describe('logging out', () => {
  test('Telegram forgets the session, the pool and the account too; a repeat is fine', async () => {
    const ctx = newCaller();
    const { account, isAuthorised, sessionId } = await loggedIn(ctx);
    expect(isAuthorised()).toBe(true);
    const out = await calls.logOut(ctx, account.accountId);
    expect(out).toMatchObject({ state: AccountState.NEEDS_LOGIN, sessionId: 0n });
    expect(isAuthorised()).toBe(false);
    await vi.waitFor(
      () => expect(sessionOf(ctx, sessionId)).rejects.toEqual(refused(ErrorReason.NOT_FOUND)),
      {
        timeout: 10_000,
      },
    );
    expect(await calls.logOut(ctx, account.accountId)).toEqual(out);
    expect((await eventsOf(accounts, account.accountId)).map(({ case: name }) => name)).toEqual([
      'accountLoggedOut',
    ]);
    const { rows } =
      await sql`select from audit where action = 'log_out_account' and entity_id = ${account.accountId}`.execute(
        accounts.database.kysely,
      );
    expect(rows).toHaveLength(1);
  });

  test('an account that never logged in, or is another tenant’s', async () => {
    const ctx = newCaller();
    const account = await calls.create(ctx);
    expect((await calls.logOut(ctx, account.accountId)).state).toBe(AccountState.NEW);
    await expect(calls.logOut(newCaller(), account.accountId)).rejects.toEqual(
      refused(ErrorReason.NOT_FOUND),
    );
  });

  test('is refused while somebody has the session; forced, it takes it away', async () => {
    const ctx = newCaller();
    const { account, isAuthorised, sessionId } = await loggedIn(ctx);
    const { lease } = await pool(ctx).acquireLease({ selector: { sessionId } });
    await expect(calls.logOut(ctx, account.accountId)).rejects.toEqual(refused(ErrorReason.SESSION_LEASED));
    expect((await read(ctx, account)).state).toBe(AccountState.AUTHORISED);
    expect((await calls.logOut(ctx, account.accountId, true)).sessionId).toBe(0n);
    expect(isAuthorised()).toBe(false);
    await expect(pool(ctx).getLease({ leaseId: lease!.leaseId })).rejects.toEqual(
      refused(ErrorReason.NOT_FOUND),
    );
  });

  test('whose key is dead already leaves the pool', async () => {
    const ctx = newCaller();
    const { account, sessionId, scope } = await loggedIn(ctx);
    await served.control.createFault({
      spec: { scope, fault: { case: 'rpcError', value: { code: 401, text: 'AUTH_KEY_UNREGISTERED' } } },
    });
    expect((await calls.logOut(ctx, account.accountId)).state).toBe(AccountState.NEEDS_LOGIN);
    await vi.waitFor(
      () => expect(sessionOf(ctx, sessionId)).rejects.toEqual(refused(ErrorReason.NOT_FOUND)),
      {
        timeout: 10_000,
      },
    );
    const known = await loggedIn(ctx);
    await pool(ctx).invalidateSession({ sessionId: known.sessionId, condition: SessionState.NEEDS_LOGIN });
    expect((await calls.logOut(ctx, known.account.accountId)).sessionId).toBe(0n);
    await expect(sessionOf(ctx, known.sessionId)).rejects.toEqual(refused(ErrorReason.NOT_FOUND));
  });

  test('that Telegram refuses to hear of changes nothing', async () => {
    const ctx = newCaller();
    const { account, isAuthorised, scope } = await loggedIn(ctx);
    await served.control.createFault({
      spec: { scope, fault: { case: 'floodWait', value: { wait: { seconds: 42n } } } },
    });
    await expect(calls.logOut(ctx, account.accountId)).rejects.toEqual(refused(ErrorReason.FLOOD_WAIT));
    expect(await read(ctx, account)).toMatchObject({ state: AccountState.AUTHORISED });
    expect(isAuthorised()).toBe(true);
    const { rows } =
      await sql`select from accounts where logging_out and account_id = ${account.accountId}::uuid`.execute(
        accounts.database.kysely,
      );
    expect(rows).toHaveLength(0);
  });

  test.each(['before Telegram was asked', 'before the pool was told', 'before the account was told'])(
    'a process that dies %s: another ends it',
    async (when) => {
      const ctx = newCaller();
      const { account, isAuthorised, sessionId, record } = await loggedIn(ctx);
      await sql`update accounts set logging_out = true, logging_out_time = clock_timestamp() - interval '2 minutes'
        where account_id = ${account.accountId}::uuid`.execute(accounts.database.kysely);
      if (when !== 'before Telegram was asked')
        server.telegram.endAuthorization(record, AuthorizationEnd.LOGGED_OUT);
      if (when === 'before the account was told') await pool(ctx).deleteSession({ sessionId, force: true });
      const settling = startSettling({ accounts, telegram });
      await vi.waitFor(
        async () =>
          expect(await read(ctx, account)).toMatchObject({ state: AccountState.NEEDS_LOGIN, sessionId: 0n }),
        { timeout: 15_000 },
      );
      await settling.stop();
      // The pool's key is gone in the last case, and Telegram had forgotten it before.
      expect(isAuthorised()).toBe(false);
      await vi.waitFor(
        () => expect(sessionOf(ctx, sessionId)).rejects.toEqual(refused(ErrorReason.NOT_FOUND)),
        {
          timeout: 10_000,
        },
      );
      expect((await eventsOf(accounts, account.accountId)).map(({ case: name }) => name)).toEqual([
        'accountLoggedOut',
      ]);
    },
  );
});

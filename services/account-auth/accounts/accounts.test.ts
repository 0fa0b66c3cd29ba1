import { randomUUIDv7 } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { AccountState, AccountStatus, type Account } from '#gen/telegate/account_auth/v1/account_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { AllowDirectResponseSchema } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { DependencyUnavailable } from '#lib/rpc/errors.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { telethonString } from '../../../tests/support/session-pool.ts';
import type { AccountRow } from './model.ts';
import { startSettling } from './settle.ts';
import { recordLogin } from './store.ts';
import {
  accountCalls,
  eventsOf,
  callOf,
  ENVIRONMENT,
  newCaller,
  newPhone,
  openTestAccounts,
  type TestAccounts,
} from './test-accounts.ts';

let accounts: TestAccounts;
let calls: ReturnType<typeof accountCalls>;
beforeAll(async () => {
  accounts = await openTestAccounts();
  calls = accountCalls(accounts);
}, 60_000);
afterAll(() => accounts.close());

const refused = (reason: ErrorReason) => expect.objectContaining({ reason });
const fields = (...names: string[]) => ({
  reason: ErrorReason.INVALID_FIELD,
  fieldViolations: names.map((field) => ({ field })),
});

/** An account that has a session in the pool, as a login leaves them. */
async function withSession(
  ctx: CallContext,
  account: { labels?: Record<string, string>; name?: string } = {},
): Promise<{ account: Account; sessionId: bigint }> {
  const { tenantId } = ctx.principal;
  const made = await calls.create(ctx, account);
  const { accountId, phone } = made;
  const labels = account.labels ?? {};
  const { session } = await accounts.mesh.client(tenantId).importSession({
    name: phone,
    material: telethonString(),
    environment: ENVIRONMENT,
    accountId,
    labels,
  });
  const { sessionId } = session!;
  await transaction(accounts.database, (trx) =>
    recordLogin(trx, {
      tenantId,
      accountId,
      phone,
      telegramUserId: phone.slice(-9),
      username: 'ann',
      name: 'Ann',
      labels,
      sessionId,
      environment: ENVIRONMENT,
      loginTime: new Date(),
    }),
  );
  return { account: await calls.get(ctx, { case: 'accountId', value: accountId }), sessionId };
}

const leaseOf = (ctx: CallContext, sessionId: bigint) =>
  accounts.mesh.client(ctx.principal.tenantId).acquireLease({ selector: { sessionId }, holder: 'worker-7' });

const sessionOf = async (ctx: CallContext, sessionId: bigint) =>
  (await accounts.mesh.client(ctx.principal.tenantId).getSession({ sessionId })).session!;

async function rowOf(accountId: string): Promise<AccountRow> {
  const { rows } = await sql<AccountRow>`
    select * from accounts where account_id = ${accountId}::uuid`.execute(accounts.database.kysely);
  return rows[0]!;
}

describe('creating', () => {
  test('records what the owner says, and nothing else that is sent', async () => {
    const ctx = newCaller();
    const account = await calls.create(ctx, {
      name: 'Support',
      phone: '+1 (555) 010-0001',
      status: AccountStatus.PAUSED,
      labels: { team: 'a' },
      allowDirect: true,
      state: AccountState.BANNED,
      sessionId: 7n,
      accountId: randomUUIDv7(),
      etag: 'x',
    });
    expect(account).toMatchObject({
      name: 'Support',
      phone: '+15550100001',
      status: AccountStatus.PAUSED,
      state: AccountState.NEW,
      labels: { team: 'a' },
      allowDirect: true,
      sessionId: 0n,
      environment: ENVIRONMENT,
      etag: '1',
    });
    for (const key of [
      { case: 'accountId', value: account.accountId.toUpperCase() },
      { case: 'phone', value: '1 555 010 0001' },
    ] as const)
      expect(await calls.get(ctx, key)).toEqual(account);
  });

  test('takes a phone once a tenant, however it is spelt', async () => {
    const ctx = newCaller();
    const { phone } = await calls.create(ctx);
    const spelt = `${phone.slice(0, 5)} ${phone.slice(5, 8)}-${phone.slice(8)}`;
    await expect(calls.create(ctx, { phone: spelt })).rejects.toEqual(refused(ErrorReason.ALREADY_EXISTS));
    await calls.create(newCaller(), { phone });
    const other = newPhone();
    const many = await Promise.allSettled(
      Array.from({ length: 6 }, () => calls.create(ctx, { phone: other })),
    );
    expect(many.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('is done once a request_id, also when the repeats come together', async () => {
    const ctx = newCaller();
    const account = { name: 'Ann', phone: newPhone(), labels: { a: '1', b: '2' } };
    const answers = await Promise.all(Array.from({ length: 5 }, () => calls.create(ctx, account, 'one')));
    expect(new Set(answers.map(({ accountId }) => accountId)).size).toBe(1);
    await expect(calls.create(ctx, { ...account, name: 'Bob' }, 'one')).rejects.toEqual(
      refused(ErrorReason.REQUEST_ID_REUSED),
    );
  });

  test('passes over what it does not read, whatever that is', async () => {
    const ctx = newCaller();
    const loginTime = { seconds: 2n ** 63n - 1n, nanos: -5 };
    const { accountId } = await calls.create(ctx, { phone: newPhone(), loginTime }, 'one');
    expect((await calls.list(ctx)).accounts).toMatchObject([{ accountId }]);
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['no name', { name: '' }, 'account.name'],
    ['a name of blanks', { name: '  ' }, 'account.name'],
    ['a long name', { name: 'x'.repeat(129) }, 'account.name'],
    ['a name with a line break', { name: 'a\nb' }, 'account.name'],
    ['no phone', { phone: '' }, 'account.phone'],
    ['a phone without a country', { phone: '0171 1234567' }, 'account.phone'],
    ['words for a phone', { phone: 'call me' }, 'account.phone'],
    ['an unknown status', { status: 9 }, 'account.status'],
    ['a label key in capitals', { labels: { Team: 'x' } }, 'account.labels["Team"]'],
    ['another Telegram', { environment: 'elsewhere' }, 'account.environment'],
  ])('refuses %s', async (_, wrong, field) => {
    await expect(calls.create(newCaller(), wrong)).rejects.toMatchObject(fields(field));
  });
});

describe('reading', () => {
  test('gives nothing of another tenant', async () => {
    const ctx = newCaller();
    const { account, sessionId } = await withSession(ctx);
    expect(await calls.get(ctx, { case: 'sessionId', value: sessionId })).toEqual(account);
    for (const key of [
      { case: 'accountId', value: account.accountId },
      { case: 'phone', value: account.phone },
      { case: 'sessionId', value: sessionId },
    ] as const)
      await expect(calls.get(newCaller(), key)).rejects.toEqual(refused(ErrorReason.NOT_FOUND));
    expect((await calls.list(newCaller())).accounts).toEqual([]);
  });

  test.each([
    [{ case: undefined }, 'account_id'],
    [{ case: 'accountId', value: 'x' }, 'account_id'],
    [{ case: 'phone', value: 'x' }, 'phone'],
    [{ case: 'sessionId', value: 0n }, 'session_id'],
    [{ case: 'sessionId', value: -1n }, 'session_id'],
  ] as const)('refuses %o', async (key, field) => {
    await expect(calls.get(newCaller(), key)).rejects.toMatchObject(fields(field));
  });

  test('lists in pages by time of creation, with every filter', async () => {
    const ctx = newCaller();
    const made: Account[] = [];
    for (let index = 0; index < 7; index += 1)
      made.push(
        await calls.create(ctx, {
          name: index % 2 ? `Support ${index}` : `Sales ${index}`,
          labels: { parity: index % 2 ? 'odd' : 'even' },
          status: index === 3 ? AccountStatus.PAUSED : AccountStatus.UNSPECIFIED,
        }),
      );
    await sql`update accounts set state = 'banned', username = 'Odd_One'
      where account_id = ${made[5]!.accountId}::uuid`.execute(accounts.database.kysely);
    const walk = async (request: Parameters<typeof calls.list>[1]): Promise<number[]> => {
      const found: number[] = [];
      let pageToken = '';
      do {
        const page = await calls.list(ctx, { ...request, pageToken });
        expect(page.accounts.length).toBeLessThanOrEqual(request!.pageSize ?? 100);
        found.push(
          ...page.accounts.map(({ accountId }) => made.findIndex((one) => one.accountId === accountId)),
        );
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      return found;
    };
    expect(await walk({ pageSize: 3 })).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(await walk({ pageSize: 1, labels: { parity: 'odd' } })).toEqual([1, 3, 5]);
    expect(await walk({ status: AccountStatus.PAUSED })).toEqual([3]);
    expect(await walk({ status: AccountStatus.ACTIVE, labels: { parity: 'odd' } })).toEqual([1, 5]);
    expect(await walk({ state: AccountState.BANNED })).toEqual([5]);
    expect(await walk({ phone: made[2]!.phone.replace('+', '00') })).toEqual([2]);
    expect(await walk({ query: 'sALes' })).toEqual([0, 2, 4, 6]);
    expect(await walk({ query: 'odd_o' })).toEqual([5]);
    expect(await walk({ query: made[4]!.phone.slice(-5) })).toEqual([4]);
    expect(await walk({ query: '%' })).toEqual([]);
  });

  test('refuses bad filters, and a token of another list', async () => {
    const ctx = newCaller();
    for (let index = 0; index < 2; index += 1) await calls.create(ctx);
    const { nextPageToken } = await calls.list(ctx, { pageSize: 1 });
    await expect(
      calls.list(ctx, { pageSize: 1, query: 'x', pageToken: nextPageToken }),
    ).rejects.toMatchObject(fields('page_token'));
    await expect(calls.list(newCaller(), { pageSize: 1, pageToken: nextPageToken })).rejects.toMatchObject(
      fields('page_token'),
    );
    const wrong = {
      status: 9 as AccountStatus,
      state: 99 as AccountState,
      labels: { 'no good': '' },
      phone: 'x',
      query: 'x'.repeat(129),
      pageSize: -1,
    };
    await expect(calls.list(ctx, wrong)).rejects.toMatchObject(
      fields('status', 'state', 'labels["no good"]', 'phone', 'query', 'page_size'),
    );
  });
});

describe('changing', () => {
  test('changes the fields of the mask and no other, and guards by the etag', async () => {
    const ctx = newCaller();
    const before = await calls.create(ctx, { labels: { team: 'a' } });
    const { accountId } = before;
    const wanted = { accountId, name: 'Bob', phone: newPhone(), allowDirect: true, labels: { team: 'b' } };
    const named = await calls.update(ctx, { ...wanted, etag: before.etag }, ['name']);
    expect(named).toEqual({ ...before, name: 'Bob', etag: '2' });
    await expect(calls.update(ctx, { ...wanted, etag: before.etag }, ['phone'])).rejects.toEqual(
      refused(ErrorReason.ETAG_MISMATCH),
    );
    const all = await calls.update(ctx, wanted, ['phone', 'allow_direct', 'labels']);
    expect(all).toMatchObject({ phone: wanted.phone, allowDirect: true, labels: { team: 'b' }, etag: '3' });
    expect(await calls.update(ctx, wanted, ['phone', 'labels'])).toEqual(all);
    expect(await calls.get(ctx, { case: 'accountId', value: accountId })).toEqual(all);
  });

  test('refuses what is not there, not allowed or not its own', async () => {
    const ctx = newCaller();
    const { accountId } = await calls.create(ctx);
    const taken = await calls.create(ctx);
    await expect(calls.update(newCaller(), { accountId, name: 'x' }, ['name'])).rejects.toEqual(
      refused(ErrorReason.NOT_FOUND),
    );
    await expect(calls.update(ctx, { accountId, phone: taken.phone }, ['phone'])).rejects.toEqual(
      refused(ErrorReason.ALREADY_EXISTS),
    );
    for (const paths of [[], ['state'], ['name', 'session_id'], Array.from({ length: 5_000 }, () => 'x')])
      await expect(calls.update(ctx, { accountId, name: 'x' }, paths)).rejects.toMatchObject(
        fields('update_mask'),
      );
    await expect(
      calls.update(ctx, { accountId: 'x', etag: 'e'.repeat(65) }, ['name', 'phone', 'status']),
    ).rejects.toMatchObject(fields('account.account_id', 'account.etag', 'account.name', 'account.phone'));
  });

  test('of two at once with one etag, one wins', async () => {
    const ctx = newCaller();
    const { accountId, etag } = await calls.create(ctx);
    const tries = ['a', 'b', 'c'].map((name) => calls.update(ctx, { accountId, etag, name }, ['name']));
    const outcomes = await Promise.allSettled(tries);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('labels and pausing change the session, in the name of the caller', async () => {
    const ctx = newCaller();
    const { account, sessionId } = await withSession(ctx, { labels: { team: 'a' } });
    const { accountId } = account;
    const change = { accountId, labels: { team: 'b' }, status: AccountStatus.PAUSED };
    const changed = await calls.update(ctx, change, ['labels', 'status']);
    expect(changed).toMatchObject({ labels: { team: 'b' }, status: AccountStatus.PAUSED });
    const session = await sessionOf(ctx, sessionId);
    expect(session).toMatchObject({ labels: { team: 'b' }, paused: true, state: SessionState.PAUSED });
    // So that no event of what was before is believed.
    expect(await rowOf(accountId)).toMatchObject({ session_revision: BigInt(session.etag) });
    await expect(leaseOf(ctx, sessionId)).rejects.toEqual(refused(ErrorReason.SESSION_UNUSABLE));
    await calls.update(ctx, { accountId }, ['status']);
    await leaseOf(ctx, sessionId);
  });

  test('with a pool that does not answer nothing is changed, and the rest can be', async () => {
    const ctx = newCaller();
    const { account } = await withSession(ctx);
    const { accountId } = account;
    const lonely = accountCalls(accounts.at('127.0.0.1:1'));
    await expect(
      lonely.update(ctx, { accountId, name: 'Bob', labels: { a: 'b' } }, ['name', 'labels']),
    ).rejects.toEqual(refused(ErrorReason.DEPENDENCY_UNAVAILABLE));
    expect(await calls.get(ctx, { case: 'accountId', value: accountId })).toEqual(account);
    expect((await lonely.update(ctx, { accountId, name: 'Bob' }, ['name'])).name).toBe('Bob');
  });

  test('a session that is gone takes no labels', async () => {
    const ctx = newCaller();
    const { account, sessionId } = await withSession(ctx);
    await accounts.mesh.client(ctx.tenantId).deleteSession({ sessionId });
    await expect(
      calls.update(ctx, { accountId: account.accountId, labels: { a: 'b' } }, ['labels']),
    ).rejects.toEqual(refused(ErrorReason.NOT_FOUND));
  });
});

describe('deleting', () => {
  test('takes the account and its session, once; a repeat is fine', async () => {
    const ctx = newCaller();
    const { account, sessionId } = await withSession(ctx);
    const { accountId, phone } = account;
    await expect(calls.remove(newCaller(), { accountId })).rejects.toEqual(refused(ErrorReason.NOT_FOUND));
    await calls.remove(ctx, { accountId, requestId: 'r' });
    expect((await eventsOf(accounts, accountId)).at(-1)).toMatchObject({
      case: 'accountDeleted',
      value: { accountId },
    });
    await expect(sessionOf(ctx, sessionId)).rejects.toEqual(refused(ErrorReason.NOT_FOUND));
    await expect(calls.get(ctx, { case: 'accountId', value: accountId })).rejects.toEqual(
      refused(ErrorReason.NOT_FOUND),
    );
    await calls.remove(ctx, { accountId, requestId: 'r' });
    await expect(calls.remove(ctx, { accountId })).rejects.toEqual(refused(ErrorReason.NOT_FOUND));
    await expect(calls.remove(ctx, { accountId, force: true, requestId: 'r' })).rejects.toEqual(
      refused(ErrorReason.REQUEST_ID_REUSED),
    );
    await calls.create(ctx, { phone });
    const { rows } = await sql<{ subject: string }>`
      select subject from audit where action = 'delete_account' and entity_id = ${accountId}`.execute(
      accounts.database.kysely,
    );
    expect(rows).toEqual([{ subject: 'key:test' }]);
  });

  test('is refused while the session is leased, unless forced: then the holder loses it', async () => {
    const ctx = newCaller();
    const { account, sessionId } = await withSession(ctx);
    const { accountId } = account;
    const { lease } = await leaseOf(ctx, sessionId);
    await expect(calls.remove(ctx, { accountId, requestId: 'a' })).rejects.toMatchObject({
      reason: ErrorReason.SESSION_LEASED,
      metadata: { holder: 'worker-7' },
    });
    expect(await calls.get(ctx, { case: 'accountId', value: accountId })).toEqual(account);
    await calls.remove(ctx, { accountId, force: true, requestId: 'b' });
    await expect(accounts.mesh.client(ctx.tenantId).getLease({ leaseId: lease!.leaseId })).rejects.toEqual(
      refused(ErrorReason.NOT_FOUND),
    );
  });

  test('of a session that somebody may still use, forced: the account goes, the session leaves by itself', async () => {
    const ctx = newCaller();
    const { account, sessionId } = await withSession(ctx);
    await leaseOf(ctx, sessionId);
    await sql`update session_pool.slots set claim_process = 'm', claim_token = fencing_token,
        claim_expire_time = clock_timestamp() + interval '10 s'
      where session_id = ${sessionId}`.execute(accounts.database.kysely);
    await calls.remove(ctx, { accountId: account.accountId, force: true });
    expect((await sessionOf(ctx, sessionId)).state).toBe(SessionState.CLOSING);
    await expect(calls.get(ctx, { case: 'accountId', value: account.accountId })).rejects.toEqual(
      refused(ErrorReason.NOT_FOUND),
    );
  });

  test('after a death between the two steps, the repeat ends it', async () => {
    const ctx = newCaller();
    const { account, sessionId } = await withSession(ctx);
    await accounts.mesh.client(ctx.tenantId).deleteSession({ sessionId });
    await calls.remove(ctx, { accountId: account.accountId, requestId: 'r' });
    expect((await calls.list(ctx)).accounts).toEqual([]);
  });

  test('several at once with one request_id all answer', async () => {
    const ctx = newCaller();
    const { account } = await withSession(ctx);
    const { accountId } = account;
    await Promise.all(Array.from({ length: 4 }, () => calls.remove(ctx, { accountId, requestId: 'r' })));
    expect((await calls.list(ctx)).accounts).toEqual([]);
  });

  test('with a pool that does not answer nothing is deleted', async () => {
    const ctx = newCaller();
    const { account } = await withSession(ctx);
    const lonely = accountCalls(accounts.at('127.0.0.1:1'));
    await expect(lonely.remove(ctx, { accountId: account.accountId, force: true })).rejects.toEqual(
      refused(ErrorReason.DEPENDENCY_UNAVAILABLE),
    );
    expect(await calls.get(ctx, { case: 'accountId', value: account.accountId })).toEqual(account);
  });
});

test('an operator that acts for a tenant changes that tenant’s session', async () => {
  const ctx = newCaller();
  const { account, sessionId } = await withSession(ctx);
  const operator = callOf(ctx.tenantId, {
    role: 'operator',
    homeTenantId: randomUUIDv7(),
    subject: 'key:operator',
  });
  await calls.update(operator, { accountId: account.accountId, labels: { by: 'operator' } }, ['labels']);
  expect((await sessionOf(ctx, sessionId)).labels).toEqual({ by: 'operator' });
});

test('the pool hears whose a session is, and no labels of which the account has but a copy', async () => {
  const ctx = newCaller();
  const client = accounts.mesh.client(ctx.tenantId);
  const imported = await client.importSession({
    name: 'x',
    material: telethonString(),
    labels: { at: 'pool' },
  });
  const { sessionId } = imported.session!;
  const { accountId } = await calls.create(ctx, { labels: { at: 'account' } });
  const settled = async (revision: bigint) => {
    await sql`update accounts set session_id = ${sessionId}, session_revision = ${revision}, untied = true
      where account_id = ${accountId}::uuid`.execute(accounts.database.kysely);
    const settling = startSettling({ accounts });
    await vi.waitFor(async () => expect(await rowOf(accountId)).toMatchObject({ untied: false }));
    await settling.stop();
    return sessionOf(ctx, sessionId);
  };
  expect(await settled(1n)).toMatchObject({ accountId, labels: { at: 'pool' } });
  expect(await settled(0n)).toMatchObject({ accountId, labels: { at: 'account' } });
});

test('who may connect directly is told to the registry of proxies, until it has heard', async () => {
  const ctx = newCaller();
  const { accountId } = await calls.create(ctx, { allowDirect: true });
  const other = await calls.create(ctx);
  const told: { accountId?: string; allowed?: boolean }[] = [];
  const said = (id: string) => told.filter((one) => one.accountId === id).map(({ allowed }) => allowed);
  let isAway = true;
  const settling = startSettling({
    accounts,
    registry: {
      allowDirect(request) {
        if (isAway) return Promise.reject(new DependencyUnavailable('ProxyRegistryService'));
        told.push(request);
        return Promise.resolve(create(AllowDirectResponseSchema));
      },
    },
  });
  await settling.pass().catch(() => undefined);
  isAway = false;
  settling.wake();
  await vi.waitFor(() => expect(said(accountId)).toContain(true));
  await vi.waitFor(async () => expect(await rowOf(accountId)).toMatchObject({ direct_untold: false }));
  await calls.update(ctx, { accountId, allowDirect: false }, ['allow_direct']);
  await calls.update(ctx, { accountId: other.accountId, name: 'y' }, ['name']);
  settling.wake();
  await vi.waitFor(() => expect(said(accountId)).toContain(false));
  await settling.stop();
  expect(said(other.accountId)).toEqual([]);
});

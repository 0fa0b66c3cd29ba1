import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { SessionSource, SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { reasonName } from '#lib/rpc/status.ts';
import { rotateTable } from '#lib/secrets/rotation.ts';
import { Api } from '#lib/telegram/client.ts';
import { parseMaterial } from '#lib/telegram/material/detect.ts';
import { startControl, type TestControl } from '../../../tests/support/local-telegram-control.ts';
import {
  limits,
  loginWish,
  newTenant,
  startLoginMesh,
  type LoginMesh,
  type Replica,
} from '../../../tests/support/telegram-logins.ts';
import { insertAccount } from '../accounts/store.ts';
import { accepted } from './authorised.ts';
import { cancelLogin } from './cancel.ts';
import type { LoginName } from './claim.ts';
import { resendCode, submitCode } from './code.ts';
import { withoutRegistry } from './egress.ts';
import { withLogin } from './held-login.ts';
import { submitPassword } from './password.ts';
import { sealedLogins } from './secrets.ts';
import { startLogin } from './start.ts';
import type { LoginRow } from './tables.ts';

let mesh: LoginMesh;
let control: TestControl;
/** Two replicas: what one begins the other goes on with. */
let here: Replica;
let there: Replica;
beforeAll(async () => {
  mesh = await startLoginMesh();
  control = await startControl(mesh.telegram.telegram);
  here = mesh.replica();
  there = mesh.replica();
}, 60_000);
beforeEach(() => control.control.deleteAllFaults({}));
afterAll(async () => {
  await control.close();
  await mesh.stop();
});

const codeOf = (phone: string): string => mesh.telegram.telegram.logins.code(phone)!.code;
const wrongCodeOf = (phone: string): string => (codeOf(phone) === '00000' ? '11111' : '00000');

interface Started {
  row: LoginRow;
  name: LoginName;
}

async function started(phone: string, tenantId = newTenant()): Promise<Started> {
  const row = await startLogin(here.logins, loginWish(tenantId, phone), limits());
  return { row, name: { tenantId, loginId: row.login_id } };
}

/** How often Telegram was asked, by whomever. */
async function calls(method: string): Promise<number> {
  const { counters } = await control.control.getCounters({});
  return Number(counters!.callsByMethod[method] ?? 0n);
}

const fault = (methods: string[], text: string, code = 400, count = 1) =>
  control.control.createFault({
    spec: { scope: { methods }, count, fault: { case: 'rpcError', value: { text, code } } },
  });

const authorisations = (id: number): number => mesh.telegram.telegram.keysOf(id).size;

describe('by code', () => {
  test('the session is in the pool, the account in the list, and the key no longer in the login', async () => {
    const { phone, id } = mesh.telegram.account({ firstName: 'Ann', username: 'ann_by_code' });
    const tenantId = newTenant();
    const wish = loginWish(tenantId, phone, { labels: { team: 'support' } });
    const sent = await startLogin(here.logins, wish, limits());
    expect(sent).toMatchObject({
      state: 'code_sent',
      code_kind: 'sms',
      code_length: 5,
      next_code_kind: 'call',
    });
    const name = { tenantId, loginId: sent.login_id };
    const done = await submitCode(there.logins, name, codeOf(phone), limits());
    expect(done).toMatchObject({ state: 'authorised', phone, ciphertext: null, wrapped_key: null });
    const { session } = await mesh.pool.client(tenantId).getSession({ sessionId: done.session_id! });
    expect(session).toMatchObject({
      state: SessionState.FREE,
      source: SessionSource.LOGIN,
      environment: 'local-test',
      accountId: done.account_id,
      labels: { team: 'support' },
      name: 'Ann',
    });
    const { credentials } = await mesh.pool.client(tenantId).exportSession({ sessionId: done.session_id! });
    const { authKey } = parseMaterial(credentials!.material).material;
    const keys = [...mesh.telegram.telegram.keysOf(id)];
    expect(keys.map(({ key }) => key.equals(authKey))).toEqual([true]);
    expect(await mesh.events(tenantId)).toEqual(['accountAuthorised']);
    // Repeating the code gives the same answer, and asks nobody.
    const before = await calls('auth.signIn');
    expect(await submitCode(here.logins, name, '99999', limits())).toMatchObject({ state: 'authorised' });
    expect(await calls('auth.signIn')).toBe(before);
  });

  test('an account that logs in anew keeps its session, with the new key', async () => {
    const { phone } = mesh.telegram.account();
    const tenantId = newTenant();
    const rows: LoginRow[] = [];
    for (let round = 0; round < 2; round += 1) {
      const { name } = await started(phone, tenantId);
      rows.push(await submitCode(here.logins, name, codeOf(phone), limits()));
    }
    expect(rows[1]!.session_id).toBe(rows[0]!.session_id);
    expect(rows[1]!.account_id).toBe(rows[0]!.account_id);
    expect((await mesh.pool.client(tenantId).listSessions({})).sessions).toHaveLength(1);
  });

  test('two accounts of one name, and a session of that name, all find their place', async () => {
    const tenantId = newTenant();
    const names: string[] = [];
    for (let round = 0; round < 2; round += 1) {
      const { phone } = mesh.telegram.account({ firstName: 'Twin' });
      const { name } = await started(phone, tenantId);
      const { session_id: sessionId } = await submitCode(here.logins, name, codeOf(phone), limits());
      const { session } = await mesh.pool.client(tenantId).getSession({ sessionId: sessionId! });
      names.push(session!.name === 'Twin' ? 'Twin' : session!.name === phone.slice(1) ? 'digits' : '?');
    }
    expect(names).toEqual(['Twin', 'digits']);
  });

  test('an account of another data centre: the login moves there', async () => {
    const { phone, id } = mesh.telegram.account({ dataCenter: 4 });
    const { row, name } = await started(phone);
    expect(row).toMatchObject({ state: 'code_sent', data_center: 4 });
    const done = await submitCode(there.logins, name, codeOf(phone), limits());
    const { session } = await mesh.pool.client(name.tenantId).getSession({ sessionId: done.session_id! });
    expect(session!.dataCenter).toBe(4);
    expect(authorisations(id)).toBe(1);
  });

  test('USER_MIGRATE when the code is handed in moves the login too', async () => {
    const { phone } = mesh.telegram.account();
    const { row, name } = await started(phone);
    expect(row.data_center).toBe(2);
    await fault(['auth.signIn'], 'USER_MIGRATE_4', 303);
    const elsewhere = async () =>
      (await control.control.listConnections({ dataCenter: 4 })).connections.length;
    const before = await elsewhere();
    // The new key asked for no code, which this Telegram minds: it answers PHONE_MIGRATE or so, at the other place.
    await expect(submitCode(here.logins, name, codeOf(phone), limits())).rejects.toBeDefined();
    expect(await elsewhere()).toBe(before + 1);
  });
});

describe('wrong codes', () => {
  test('are counted, and the last one ends the login', async () => {
    const { phone, id } = mesh.telegram.account();
    const { row, name } = await started(phone);
    expect(row.attempts_left).toBe(3);
    const wrong = () => submitCode(here.logins, name, wrongCodeOf(phone), limits());
    await expect(wrong()).rejects.toMatchObject({
      reason: ErrorReason.LOGIN_CODE_WRONG,
      metadata: { attempts_left: '2' },
    });
    await expect(wrong()).rejects.toMatchObject({ metadata: { attempts_left: '1' } });
    const right = codeOf(phone);
    await expect(wrong()).rejects.toMatchObject({ reason: ErrorReason.LOGIN_ENDED });
    expect(await mesh.row(name.loginId)).toMatchObject({
      state: 'failed',
      end_reason: 'LOGIN_CODE_WRONG',
      ciphertext: null,
    });
    await expect(submitCode(here.logins, name, right, limits())).rejects.toMatchObject({
      reason: ErrorReason.LOGIN_ENDED,
    });
    expect(authorisations(id)).toBe(0);
    // Telegram has forgotten the code as well.
    expect(mesh.telegram.telegram.logins.code(phone)).toBeUndefined();
  });

  test('the code of another login is as wrong as any', async () => {
    const [ann, bob] = [mesh.telegram.account(), mesh.telegram.account()];
    const tenantId = newTenant();
    const [mine, theirs] = [await started(ann.phone, tenantId), await started(bob.phone, tenantId)];
    if (codeOf(ann.phone) === codeOf(bob.phone)) return;
    await expect(submitCode(here.logins, mine.name, codeOf(bob.phone), limits())).rejects.toMatchObject({
      reason: ErrorReason.LOGIN_CODE_WRONG,
    });
    expect(await submitCode(here.logins, theirs.name, codeOf(bob.phone), limits())).toMatchObject({
      state: 'authorised',
    });
  });

  test('an expired code ends the login and says what to do', async () => {
    const { phone } = mesh.telegram.account();
    const { name } = await started(phone);
    mesh.telegram.telegram.logins.code(phone)!.expireTime = 0;
    const error = await submitCode(here.logins, name, codeOf(phone), limits()).catch((thrown) => thrown);
    expect(error).toMatchObject({ reason: ErrorReason.LOGIN_ENDED });
    expect(String(error)).toContain('a new code is sent');
    const again = await started(phone, name.tenantId);
    expect(again.row.state).toBe('code_sent');
    expect(again.row.login_id).not.toBe(name.loginId);
  });

  test('two at once are two attempts, and right ones one session', async () => {
    const { phone, id } = mesh.telegram.account();
    const { name } = await started(phone);
    const code = codeOf(phone);
    const answers = await Promise.all(
      [here, there, here, there].map(({ logins }) => submitCode(logins, name, code, limits())),
    );
    expect(new Set(answers.map(({ session_id }) => session_id)).size).toBe(1);
    expect(authorisations(id)).toBe(1);
  });
});

describe('with a password', () => {
  test('it is asked for with its hint, on whichever replica, and never stored', async () => {
    const account = { password: 'correct horse', passwordHint: 'a horse' };
    const { phone } = mesh.telegram.account(account);
    const { name } = await started(phone);
    const asked = await submitCode(here.logins, name, codeOf(phone), limits());
    expect(asked).toMatchObject({ state: 'password_needed', password_hint: 'a horse', attempts_left: 3 });
    expect(await submitCode(here.logins, name, '12345', limits())).toMatchObject({
      state: 'password_needed',
    });
    await expect(submitPassword(there.logins, name, 'wrong horse', limits())).rejects.toMatchObject({
      reason: ErrorReason.LOGIN_CODE_WRONG,
      metadata: { attempts_left: '2' },
    });
    const done = await submitPassword(there.logins, name, 'correct horse', limits());
    expect(done).toMatchObject({ state: 'authorised', password_hint: '' });
  });

  test('SRP_ID_INVALID is asked for again once', async () => {
    const { phone } = mesh.telegram.account({ password: 'secret' });
    const { name } = await started(phone);
    await submitCode(here.logins, name, codeOf(phone), limits());
    await fault(['auth.checkPassword'], 'SRP_ID_INVALID');
    expect(await submitPassword(here.logins, name, 'secret', limits())).toMatchObject({
      state: 'authorised',
    });
    const other = mesh.telegram.account({ password: 'secret' });
    const second = await started(other.phone);
    await submitCode(here.logins, second.name, codeOf(other.phone), limits());
    await fault(['auth.checkPassword'], 'SRP_ID_INVALID', 400, 2);
    await expect(submitPassword(here.logins, second.name, 'secret', limits())).rejects.toMatchObject({
      reason: ErrorReason.TELEGRAM_REFUSED,
    });
    expect((await mesh.row(second.name.loginId)).state).toBe('password_needed');
  });

  test('too many wrong ones end the login, and Telegram is told', async () => {
    const { phone, id } = mesh.telegram.account({ password: 'secret' });
    const { name } = await started(phone);
    await submitCode(here.logins, name, codeOf(phone), limits());
    for (const reason of [
      ErrorReason.LOGIN_CODE_WRONG,
      ErrorReason.LOGIN_CODE_WRONG,
      ErrorReason.LOGIN_ENDED,
    ])
      await expect(submitPassword(here.logins, name, 'guess', limits())).rejects.toMatchObject({ reason });
    expect(await mesh.row(name.loginId)).toMatchObject({ state: 'failed', ciphertext: null });
    expect(authorisations(id)).toBe(0);
  });

  test('a crash in the middle gives no attempts back', async () => {
    const { phone } = mesh.telegram.account({ password: 'secret' });
    const { name } = await started(phone);
    await submitCode(here.logins, name, codeOf(phone), limits());
    const guess = () => submitPassword(here.logins, name, 'guess', limits());
    await expect(guess()).rejects.toMatchObject({ metadata: { attempts_left: '2' } });
    await sql`update telegram_logins set is_unsure = true where login_id = ${name.loginId}::uuid`.execute(
      mesh.database.kysely,
    );
    await expect(guess()).rejects.toMatchObject({ metadata: { attempts_left: '1' } });
  });

  test('before the code it is not wanted', async () => {
    const { phone } = mesh.telegram.account({ password: 'secret' });
    const { name } = await started(phone);
    await expect(submitPassword(here.logins, name, 'secret', limits())).rejects.toMatchObject({
      reason: ErrorReason.INVALID_FIELD,
    });
  });
});

describe('one login a phone', () => {
  test('fifty at once on two replicas are one login and one code', async () => {
    const { phone } = mesh.telegram.account();
    const tenantId = newTenant();
    const before = await calls('auth.sendCode');
    const rows = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        startLogin((index % 2 ? here : there).logins, loginWish(tenantId, phone), limits()),
      ),
    );
    expect(new Set(rows.map(({ login_id }) => login_id)).size).toBe(1);
    expect(rows.every(({ state }) => state === 'code_sent')).toBe(true);
    expect(await calls('auth.sendCode')).toBe(before + 1);
  });

  test('the same request gives the same login, also when it has ended; with another body it is refused', async () => {
    const { phone } = mesh.telegram.account();
    const tenantId = newTenant();
    const more = { requestId: randomUUIDv7(), bodyHash: Buffer.from('one') };
    const first = await startLogin(here.logins, loginWish(tenantId, phone, more), limits());
    await cancelLogin(here.logins, { tenantId, loginId: first.login_id }, limits());
    const again = await startLogin(there.logins, loginWish(tenantId, phone, more), limits());
    expect(again).toMatchObject({ login_id: first.login_id, state: 'cancelled' });
    await expect(
      startLogin(
        here.logins,
        loginWish(tenantId, phone, { ...more, bodyHash: Buffer.from('two') }),
        limits(),
      ),
    ).rejects.toMatchObject({ reason: ErrorReason.REQUEST_ID_REUSED });
  });

  test('another tenant has its own', async () => {
    const { phone } = mesh.telegram.account();
    const [mine, theirs] = [await started(phone), await started(phone)];
    expect(mine.name.loginId).not.toBe(theirs.name.loginId);
    await expect(
      submitCode(here.logins, { ...mine.name, tenantId: theirs.name.tenantId }, '12345', limits()),
    ).rejects.toMatchObject({ reason: ErrorReason.NOT_FOUND });
  });

  test('too many codes for one phone are refused before Telegram is asked', async () => {
    const replica = mesh.replica({ settings: { codesPerPhone: 1 } });
    const { phone } = mesh.telegram.account();
    const tenantId = newTenant();
    const first = await startLogin(replica.logins, loginWish(tenantId, phone), limits());
    await cancelLogin(replica.logins, { tenantId, loginId: first.login_id }, limits());
    const before = await calls('auth.sendCode');
    await expect(startLogin(replica.logins, loginWish(tenantId, phone), limits())).rejects.toMatchObject({
      reason: ErrorReason.QUOTA_EXCEEDED,
      retryAfterMs: expect.any(Number),
    });
    expect(await calls('auth.sendCode')).toBe(before);
  });
});

describe('what Telegram refuses', () => {
  test('a flood wait is kept with the phone: nobody asks again before its end', async () => {
    const { phone } = mesh.telegram.account();
    await fault(['auth.sendCode'], 'FLOOD_WAIT_120', 420);
    const refused = { reason: ErrorReason.FLOOD_WAIT, metadata: { seconds: '120', method: 'auth.sendCode' } };
    await expect(started(phone)).rejects.toMatchObject({ ...refused, retryAfterMs: 120_000 });
    const before = await calls('auth.sendCode');
    // Another tenant, another replica.
    const later = startLogin(there.logins, loginWish(newTenant(), phone), limits());
    await expect(later).rejects.toMatchObject({ reason: ErrorReason.FLOOD_WAIT });
    expect(await calls('auth.sendCode')).toBe(before);
    await sql`update phone_waits set end_time = clock_timestamp() where phone = ${phone}`.execute(
      mesh.database.kysely,
    );
    expect((await started(phone)).row.state).toBe('code_sent');
  });

  test.each([
    ['PHONE_NUMBER_BANNED', 400, ErrorReason.ACCOUNT_BANNED],
    ['PHONE_NUMBER_INVALID', 400, ErrorReason.INVALID_FIELD],
    ['PHONE_NUMBER_UNOCCUPIED', 400, ErrorReason.TELEGRAM_REFUSED],
    ['PHONE_NUMBER_FLOOD', 400, ErrorReason.TELEGRAM_REFUSED],
    ['PHONE_PASSWORD_FLOOD', 406, ErrorReason.TELEGRAM_REFUSED],
    ['RPC_CALL_FAIL', 500, ErrorReason.TELEGRAM_UNREACHABLE],
    ['SOMETHING_NEW', 400, ErrorReason.TELEGRAM_REFUSED],
  ])('sendCode: %s ends the login', async (text, code, reason) => {
    const { phone } = mesh.telegram.account();
    const tenantId = newTenant();
    await fault(['auth.sendCode'], text, code);
    await expect(started(phone, tenantId)).rejects.toMatchObject({ reason });
    const { rows } = await sql<LoginRow>`
      select * from telegram_logins where tenant_id = ${tenantId}::uuid`.execute(mesh.database.kysely);
    expect(rows).toMatchObject([{ state: 'failed', end_reason: reasonName(reason), ciphertext: null }]);
  });

  test('AUTH_RESTART is answered with one more sendCode', async () => {
    const { phone } = mesh.telegram.account();
    await fault(['auth.sendCode'], 'AUTH_RESTART', 500);
    expect((await started(phone)).row.state).toBe('code_sent');
  });

  test('PHONE_NUMBER_FLOOD keeps the phone waiting', async () => {
    const { phone } = mesh.telegram.account();
    await fault(['auth.sendCode'], 'PHONE_NUMBER_FLOOD');
    await expect(started(phone)).rejects.toMatchObject({ retryAfterMs: 3_600_000 });
    await expect(started(phone)).rejects.toMatchObject({ reason: ErrorReason.FLOOD_WAIT });
  });

  test('an application that is refused stops all logins of the process, with an alarm', async () => {
    const lines: unknown[] = [];
    const log = { ...here.logins.log, error: (line: unknown) => lines.push(line) } as never;
    const replica = mesh.replica({ log });
    const { phone } = mesh.telegram.account();
    await fault(['auth.sendCode'], 'API_ID_INVALID');
    const start = () => startLogin(replica.logins, loginWish(newTenant(), phone), limits());
    await expect(start()).rejects.toMatchObject({ metadata: { telegram_error: 'API_ID_INVALID' } });
    expect(lines).toEqual([{ event: 'logins_stopped', telegramError: 'API_ID_INVALID' }]);
    const before = await calls('auth.sendCode');
    await expect(start()).rejects.toMatchObject({ metadata: { telegram_error: 'API_ID_INVALID' } });
    expect(await calls('auth.sendCode')).toBe(before);
  });

  test('signIn: no account has the number', async () => {
    const { phone } = mesh.telegram.account();
    const { name } = await started(phone);
    await fault(['auth.signIn'], 'PHONE_NUMBER_UNOCCUPIED');
    const error = await submitCode(here.logins, name, '12345', limits()).catch((thrown) => thrown);
    expect(error).toMatchObject({ reason: ErrorReason.TELEGRAM_REFUSED });
    expect(String(error)).toContain('Sign up in an app of Telegram');
  });

  test('signIn: a flood wait leaves the login where it is', async () => {
    const { phone } = mesh.telegram.account();
    const { name } = await started(phone);
    await fault(['auth.signIn'], 'FLOOD_WAIT_30', 420);
    await expect(submitCode(here.logins, name, '12345', limits())).rejects.toMatchObject({
      reason: ErrorReason.FLOOD_WAIT,
    });
    expect(await mesh.row(name.loginId)).toMatchObject({ state: 'code_sent', is_unsure: false });
  });
});

describe('without a way out', () => {
  test('nobody connects directly unless the account may', async () => {
    const strict = mesh.replica({
      adjust: (logins) => ({ ...logins, egress: withoutRegistry({ allowDirect: false }) }),
    });
    const { phone } = mesh.telegram.account();
    const tenantId = newTenant();
    const start = () => startLogin(strict.logins, loginWish(tenantId, phone), limits());
    await expect(start()).rejects.toMatchObject({ reason: ErrorReason.NO_EGRESS });
    await transaction(mesh.database, (trx) =>
      insertAccount(trx, {
        tenantId,
        name: 'x',
        phone,
        paused: false,
        labels: {},
        environment: 'local-test',
        allowDirect: true,
      }),
    );
    const row = await start();
    expect(row.state).toBe('code_sent');
    const name = { tenantId, loginId: row.login_id };
    const done = await submitCode(strict.logins, name, codeOf(phone), limits());
    expect(done.account_id).toBe(row.account_id);
    // One that names a proxy never goes without.
    const proxyId = randomUUIDv7();
    await expect(
      startLogin(strict.logins, loginWish(tenantId, phone, { proxyId }), limits()),
    ).rejects.toMatchObject({ reason: ErrorReason.NO_EGRESS });
  });
});

test('a login goes on when the master key is another', async () => {
  const { phone } = mesh.telegram.account();
  const { name } = await started(phone);
  const { keys } = here.logins.masterKeys;
  const next = { current: 2, keys: new Map([...keys, [2, randomBytes(32)] as const]) };
  const outcome = await rotateTable(mesh.database, next, sealedLogins);
  expect(outcome).toMatchObject({ failed: [], left: new Map([[2, expect.any(Number)]]) });
  const onlyNew = { current: 2, keys: new Map([[2, next.keys.get(2)!]]) };
  const later = mesh.replica({ adjust: (logins) => ({ ...logins, masterKeys: onlyNew }) });
  expect(await submitCode(later.logins, name, codeOf(phone), limits())).toMatchObject({
    state: 'authorised',
  });
});

test('a number that Telegram would sign up is refused, and the login ends', async () => {
  const { phone } = mesh.telegram.account();
  const { name } = await started(phone);
  const answer = withLogin(here.logins, name, limits(), (held) =>
    accepted(held, new Api.auth.AuthorizationSignUpRequired({})),
  );
  await expect(answer).rejects.toMatchObject({
    reason: ErrorReason.TELEGRAM_REFUSED,
    metadata: { telegram_error: 'PHONE_NUMBER_UNOCCUPIED' },
  });
  expect(await mesh.row(name.loginId)).toMatchObject({ state: 'failed', ciphertext: null });
});

describe('sending the code again', () => {
  test('not before its time, then in the next way', async () => {
    const { phone } = mesh.telegram.account();
    const { name } = await started(phone);
    await expect(resendCode(here.logins, name, limits())).rejects.toMatchObject({
      reason: ErrorReason.QUOTA_EXCEEDED,
      retryAfterMs: expect.any(Number),
    });
    await sql`
      update telegram_logins set resend_time = clock_timestamp() where login_id = ${name.loginId}::uuid
    `.execute(mesh.database.kysely);
    const resent = await resendCode(there.logins, name, limits());
    expect(resent).toMatchObject({ code_kind: 'call', next_code_kind: '', resend_time: null });
    await expect(resendCode(here.logins, name, limits())).rejects.toMatchObject({
      reason: ErrorReason.TELEGRAM_REFUSED,
    });
    expect(await submitCode(here.logins, name, codeOf(phone), limits())).toMatchObject({
      state: 'authorised',
    });
  });
});

describe('cancelling', () => {
  test('forgets the key here and the code at Telegram; the phone is free at once', async () => {
    const { phone } = mesh.telegram.account();
    const { name } = await started(phone);
    const cancelled = await cancelLogin(there.logins, name, limits());
    expect(cancelled).toMatchObject({ state: 'cancelled', ciphertext: null });
    expect(await cancelLogin(here.logins, name, limits())).toMatchObject({ state: 'cancelled' });
    expect(mesh.telegram.telegram.logins.code(phone)).toBeUndefined();
    await expect(submitCode(here.logins, name, '12345', limits())).rejects.toMatchObject({
      reason: ErrorReason.LOGIN_ENDED,
    });
    expect((await started(phone, name.tenantId)).row.state).toBe('code_sent');
  });

  test('an authorised one is refused', async () => {
    const { phone } = mesh.telegram.account();
    const { name } = await started(phone);
    await submitCode(here.logins, name, codeOf(phone), limits());
    await expect(cancelLogin(here.logins, name, limits())).rejects.toMatchObject({
      reason: ErrorReason.LOGIN_ENDED,
    });
  });
});

test('no socket is left open, and no key was ever in two places', async () => {
  await vi.waitFor(async () => {
    const { counters } = await control.control.getCounters({});
    expect(counters).toMatchObject({ connectionsOpen: 0n, keysDuplicated: 0n });
  });
});

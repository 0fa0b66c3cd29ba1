import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ConnectionEnd } from '#gen/telegate/local_telegram/v1/log_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { systemClock, type Clock } from '#lib/lifecycle/clock.ts';
import { Api } from '../../../tests/support/gramjs.ts';
import {
  limits,
  loginWish,
  newTenant,
  startLoginMesh,
  type LoginMesh,
  type Replica,
} from '../../../tests/support/telegram-logins.ts';
import type { Account } from '../../local-telegram/world/state.ts';
import { cancelLogin } from './cancel.ts';
import { submitPassword } from './password.ts';
import { showQr, type ShownToken } from './qr.ts';
import type { StepLimits } from './logins.ts';
import type { LoginRow } from './tables.ts';

let mesh: LoginMesh;
let here: Replica;
let there: Replica;
beforeAll(async () => {
  mesh = await startLoginMesh();
  here = mesh.replica({ settings: { claimTtlMs: 3_000 } });
  there = mesh.replica({ settings: { claimTtlMs: 3_000 } });
}, 60_000);
afterAll(() => mesh.stop());

const request = { requestId: 'one', bodyHash: Buffer.of(1) };
const noOne = async (): Promise<void> => {};

function tokenOf({ tokenLink }: ShownToken): Buffer {
  return Buffer.from(tokenLink.replace('tg://login?token=', ''), 'base64url');
}

/** Another app of the account, which scans what is shown. */
async function scanner(account: Account): Promise<(shown: ShownToken) => Promise<void>> {
  const app = await mesh.telegram.client(account);
  return async (shown) => {
    // Later, as a person would: not in the turn in which it is shown.
    void Promise.resolve()
      .then(() => app.invoke(new Api.auth.AcceptLoginToken({ token: tokenOf(shown) })))
      .catch(() => undefined);
  };
}

/** Shows tokens until the first one is there, and ends then as a reader does who goes away. */
async function abandoned(replica: Replica, tenantId: string): Promise<ShownToken> {
  const gone = new AbortController();
  const away: StepLimits = { remainingMs: () => 20_000, signal: gone.signal };
  let seen: ShownToken | undefined;
  const shown = showQr(replica.logins, loginWish(tenantId, '', request), away, async (token) => {
    seen = token;
    gone.abort();
  });
  await expect(shown).rejects.toMatchObject({ reason: ErrorReason.CANCELLED });
  return seen!;
}

test.each([
  ['of the same data centre', {}],
  ['of another data centre', { dataCenter: 4 }],
])('an account %s is logged in by the app that accepts the token', async (_name, more) => {
  const account = mesh.telegram.account({ firstName: 'Quentin', ...more });
  const tenantId = newTenant();
  const wish = loginWish(tenantId, '', { labels: { by: 'qr' } });
  const row = await showQr(here.logins, wish, limits(), await scanner(account));
  expect(row).toMatchObject({ state: 'authorised', phone: account.phone, ciphertext: null });
  const { session } = await mesh.pool.client(tenantId).getSession({ sessionId: row.session_id! });
  expect(session).toMatchObject({ labels: { by: 'qr' }, dataCenter: account.dataCenter });
  expect(mesh.telegram.telegram.keysOf(account.id).size).toBe(2);
});

test('an account with a password: the stream ends, and the password is handed in', async () => {
  const account = mesh.telegram.account({ password: 'secret', dataCenter: 4 });
  const tenantId = newTenant();
  const row = await showQr(here.logins, loginWish(tenantId, ''), limits(), await scanner(account));
  expect(row.state).toBe('password_needed');
  const name = { tenantId, loginId: row.login_id };
  expect(await submitPassword(there.logins, name, 'secret', limits())).toMatchObject({
    state: 'authorised',
    phone: account.phone,
  });
});

test('a token that runs out is followed by another', async () => {
  const account = mesh.telegram.account();
  const scan = await scanner(account);
  const tokens: string[] = [];
  // The half minute for which a token is shown is over at once; the limits of calls are shorter.
  const quick: Clock = {
    ...systemClock,
    setTimer: (ms, fire) => systemClock.setTimer(ms > 20_000 ? 10 : ms, fire),
  };
  const hasty = mesh.replica({ adjust: (logins) => ({ ...logins, clock: quick }) });
  const row = await showQr(hasty.logins, loginWish(newTenant(), ''), limits(), async (shown) => {
    tokens.push(tokenOf(shown).toString('hex'));
    if (tokens.length === 1) mesh.telegram.telegram.logins.token(tokenOf(shown))!.expireTime = 0;
    else await scan(shown);
  });
  expect(row.state).toBe('authorised');
  expect(new Set(tokens).size).toBe(2);
});

test('a broken stream ends nothing: the same request goes on with it, elsewhere too', async () => {
  const account = mesh.telegram.account();
  const tenantId = newTenant();
  const first = await abandoned(here, tenantId);
  // Accepted while nobody watched.
  const app = await mesh.telegram.client(account);
  await app.invoke(new Api.auth.AcceptLoginToken({ token: tokenOf(first) }));
  const row = await showQr(there.logins, loginWish(tenantId, '', request), limits(), noOne);
  expect(row).toMatchObject({ login_id: first.row.login_id, state: 'authorised' });
  // And once more, when all is done.
  const again = await showQr(here.logins, loginWish(tenantId, '', request), limits(), noOne);
  expect(again.session_id).toBe(row.session_id);
});

test('a second stream of the same request takes over from the first', async () => {
  const account = mesh.telegram.account();
  const tenantId = newTenant();
  const shown = Promise.withResolvers<void>();
  const first = showQr(here.logins, loginWish(tenantId, '', request), limits(), async () => shown.resolve());
  const ended = first.catch((error: unknown) => error);
  await shown.promise;
  const row: LoginRow = await showQr(
    there.logins,
    loginWish(tenantId, '', request),
    limits(),
    await scanner(account),
  );
  expect(await ended).toMatchObject({ name: 'LoginTakenOver' });
  expect(row.state).toBe('authorised');
});

test.each(['the connection breaks', 'the place on the proxy is lost'])(
  'while %s nobody hears of the acceptance: the stream asks, and goes on',
  async (what) => {
    const account = mesh.telegram.account();
    let isHeld = true;
    const replica = mesh.replica({
      settings: { claimTtlMs: 1_500 },
      adjust: (logins) => ({
        ...logins,
        egress: {
          ...logins.egress,
          resolve: async (...wanted) => ({
            ...(await logins.egress.resolve(...wanted)),
            renew: () => Promise.resolve(isHeld || !(isHeld = true)),
          }),
        },
      }),
    });
    const { telegram } = mesh.telegram;
    const startedAt = performance.now();
    const row = await showQr(replica.logins, loginWish(newTenant(), ''), limits(), async (shown) => {
      const known = telegram.logins.token(tokenOf(shown))!;
      if (known.acceptedBy !== 0) return;
      // Accepted without a word to who shows it.
      known.acceptedBy = account.id;
      if (what === 'the place on the proxy is lost') isHeld = false;
      else for (const connection of telegram.connections) connection.close(ConnectionEnd.SERVER_CLOSED);
    });
    expect(row).toMatchObject({ state: 'authorised', phone: account.phone });
    // And not when the token runs out.
    expect(performance.now() - startedAt).toBeLessThan(15_000);
  },
);

test('cancelling reaches a stream that is open elsewhere', async () => {
  const tenantId = newTenant();
  const shown = Promise.withResolvers<ShownToken>();
  const stream = showQr(here.logins, loginWish(tenantId, ''), limits(), async (token) =>
    shown.resolve(token),
  );
  const ended = stream.catch((error: unknown) => error);
  const { row } = await shown.promise;
  const name = { tenantId, loginId: row.login_id };
  expect(await cancelLogin(there.logins, name, limits())).toMatchObject({ state: 'cancelled' });
  expect(await ended).toMatchObject({ name: 'LoginTakenOver' });
});

test('its time over, the stream ends with the login', async () => {
  const tenantId = newTenant();
  const stream = showQr(here.logins, loginWish(tenantId, ''), limits(), async ({ row }) => {
    await sql`
      update telegram_logins set expire_time = clock_timestamp() where login_id = ${row.login_id}::uuid
    `.execute(mesh.database.kysely);
  });
  void stream.catch(() => undefined);
  const { rows } = await vi.waitFor(async () => {
    const found = await sql<LoginRow>`
      select * from telegram_logins where tenant_id = ${tenantId}::uuid`.execute(mesh.database.kysely);
    expect(found.rows).toHaveLength(1);
    return found;
  });
  const name = { tenantId, loginId: rows[0]!.login_id };
  await vi.waitFor(async () => expect((await mesh.row(name.loginId)).expire_time <= new Date()).toBe(true));
  // Whoever claims it next ends it.
  await expect(submitPassword(there.logins, name, 'x', limits())).rejects.toMatchObject({
    reason: ErrorReason.LOGIN_ENDED,
  });
});

test('no socket is left open, and no key was ever in two places', async () => {
  const { counters } = mesh.telegram.telegram.log;
  expect(counters.keysDuplicated).toBe(0);
});

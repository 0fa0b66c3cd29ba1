import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { liveSockets } from '#lib/telegram/census.ts';
import { Api } from '#lib/telegram/client.ts';
import {
  limits,
  loginWish,
  newTenant,
  startLoginMesh,
  type LoginMesh,
  type Replica,
} from '../../../tests/support/telegram-logins.ts';
import { claimLogin } from './claim.ts';
import { submitCode } from './code.ts';
import { withLogin } from './held-login.ts';
import { startLogin } from './start.ts';
import { startLoginSweeper } from './sweeper.ts';

let mesh: LoginMesh;
let here: Replica;
beforeAll(async () => {
  mesh = await startLoginMesh();
  here = mesh.replica();
}, 60_000);
afterAll(() => mesh.stop());

async function started() {
  const { phone, id } = mesh.telegram.account();
  const tenantId = newTenant();
  const row = await startLogin(here.logins, loginWish(tenantId, phone), limits());
  return { phone, id, name: { tenantId, loginId: row.login_id } };
}

const change = (loginId: string, what: ReturnType<typeof sql>) =>
  sql`update telegram_logins set ${what} where login_id = ${loginId}::uuid`.execute(mesh.database.kysely);

async function sweptBy(count: number): Promise<void> {
  const sweepers = Array.from({ length: count }, () => startLoginSweeper(mesh.replica().logins));
  await Promise.all(sweepers.map((sweeper) => sweeper.pass()));
  await Promise.all(sweepers.map((sweeper) => sweeper.stop()));
}

test('a login whose time is over is ended once by all replicas, and its code is gone at Telegram', async () => {
  const { phone, name } = await started();
  await change(name.loginId, sql`expire_time = clock_timestamp()`);
  const cancelled = () => mesh.telegram.telegram.log.counters.callsByMethod.get('auth.cancelCode') ?? 0;
  const before = cancelled();
  await sweptBy(3);
  expect(await mesh.row(name.loginId)).toMatchObject({
    state: 'failed',
    end_reason: 'LOGIN_ENDED',
    ciphertext: null,
  });
  expect(mesh.telegram.telegram.logins.code(phone)).toBeUndefined();
  expect(cancelled()).toBe(before + 1);
  await expect(submitCode(here.logins, name, '12345', limits())).rejects.toMatchObject({
    reason: ErrorReason.LOGIN_ENDED,
  });
});

test('what Telegram authorised and nobody gave to the pool goes there, also when its time is over', async () => {
  const { phone, id, name } = await started();
  const broken = mesh.replica({
    adjust: (logins) => ({
      ...logins,
      sessionPool: {
        ...logins.sessionPool,
        importSession: () => Promise.reject(new Error('the pool is away')),
      },
    }),
  });
  const { code } = mesh.telegram.telegram.logins.code(phone)!;
  await expect(submitCode(broken.logins, name, code, limits())).rejects.toThrow('the pool is away');
  expect((await mesh.row(name.loginId)).state).toBe('finishing');
  await change(
    name.loginId,
    sql`expire_time = clock_timestamp(), authorised_time = clock_timestamp() - interval '1 minute'`,
  );
  await sweptBy(2);
  const row = await mesh.row(name.loginId);
  expect(row).toMatchObject({ state: 'authorised', ciphertext: null });
  expect((await mesh.pool.client(name.tenantId).listSessions({})).sessions).toHaveLength(1);
  expect(mesh.telegram.telegram.keysOf(id).size).toBe(1);
});

test('a login that a step is at work on is left alone', async () => {
  const { name } = await started();
  await withLogin(here.logins, name, limits(), async () => {
    await change(name.loginId, sql`expire_time = clock_timestamp()`);
    await sweptBy(2);
    expect((await mesh.row(name.loginId)).state).toBe('code_sent');
  });
});

test('what ended a day ago is forgotten, and waits that are over', async () => {
  const { name, phone } = await started();
  await change(
    name.loginId,
    sql`state = 'cancelled', ciphertext = null, wrapped_key = null, end_time = clock_timestamp() - interval '25 hours'`,
  );
  await sql`
    insert into phone_waits values ('local-test', ${phone}, 'auth.sendCode', 'X', clock_timestamp())`.execute(
    mesh.database.kysely,
  );
  await sweptBy(1);
  expect(await mesh.row(name.loginId)).toBeUndefined();
  const { rows } = await sql`select 1 from phone_waits where phone = ${phone}`.execute(mesh.database.kysely);
  expect(rows).toEqual([]);
});

test('a claim is one step’s until it is let go, or its time is over', async () => {
  const { name } = await started();
  const stranger = { id: '00000000-0000-7000-8000-0000000000aa', ttlMs: 60_000 };
  await withLogin(here.logins, name, limits(), async (held) => {
    expect(await claimLogin(mesh, name, stranger)).toBe('taken');
    await vi.waitFor(() => expect(held.wanted.aborted).toBe(true), { timeout: 6_000 });
  });
  expect(await claimLogin(mesh, name, stranger)).toMatchObject({ worker_id: stranger.id });
  const late = withLogin(here.logins, name, limits(300), async () => 'done');
  await expect(late).rejects.toMatchObject({ reason: ErrorReason.DEADLINE_EXCEEDED });
  await change(name.loginId, sql`worker_end_time = clock_timestamp()`);
  expect(await withLogin(here.logins, name, limits(), async () => 'done')).toBe('done');
});

test.each([
  ['another works on it', sql`worker_id = '00000000-0000-7000-8000-0000000000bb'`],
  ['its time is over', sql`worker_end_time = clock_timestamp()`],
])(
  'a step whose claim is lost (%s) writes nothing more, and its socket is closed at once',
  async (_why, what) => {
    const { name } = await started();
    const quick = mesh.replica({ settings: { claimTtlMs: 1_000 } });
    const work = withLogin(quick.logins, name, limits(), async (held) => {
      await held.call(new Api.help.GetConfig());
      expect(liveSockets()).toBe(1);
      await change(name.loginId, what);
      await expect(held.change({ name: 'late' })).rejects.toMatchObject({ name: 'LoginTakenOver' });
      await vi.waitFor(() => expect(held.lost.aborted).toBe(true), { timeout: 5_000 });
      await vi.waitFor(() => expect(liveSockets()).toBe(0));
      await held.change({ name: 'late' });
    });
    await expect(work).rejects.toMatchObject({ name: 'LoginTakenOver' });
    expect((await mesh.row(name.loginId)).name).toBe('');
  },
);

test('the key is in use nowhere when the pool gets it, and when the login is let go', async () => {
  const { phone, name } = await started();
  const sockets: number[] = [];
  const watched = mesh.replica({
    adjust: (logins) => ({
      ...logins,
      database: {
        ...logins.database,
        kysely: logins.database.kysely.withPlugin({
          transformQuery({ node }) {
            sockets.push(liveSockets());
            return node;
          },
          transformResult: ({ result }) => Promise.resolve(result),
        }),
      },
      sessionPool: {
        ...logins.sessionPool,
        importSession: (...call) => {
          expect(liveSockets()).toBe(0);
          return logins.sessionPool.importSession(...call);
        },
      },
    }),
  });
  // Another step than the last has nobody but letGo to close its connection.
  const { code } = mesh.telegram.telegram.logins.code(phone)!;
  const wrong = code === '00000' ? '11111' : '00000';
  await expect(submitCode(watched.logins, name, wrong, limits())).rejects.toMatchObject({
    reason: ErrorReason.LOGIN_CODE_WRONG,
  });
  expect(Math.max(...sockets)).toBe(1);
  expect(sockets.at(-1)).toBe(0);
  expect(await submitCode(watched.logins, name, code, limits())).toMatchObject({ state: 'authorised' });
});

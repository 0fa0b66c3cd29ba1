import { randomUUIDv7 } from 'node:crypto';
import { Client as PostgresClient } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { createMeshTokenSource, meshKeys } from '#lib/auth/mesh-token.ts';
import { anonymous } from '#lib/auth/principal.ts';
import { EDGE_SERVICE } from '#lib/auth/scopes.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { startIdentityMesh, type IdentityMesh } from '../../../tests/support/account-auth.ts';
import { LOGINS_A_USER } from './model.ts';

let mesh: IdentityMesh;
let postgres: PostgresClient;
beforeAll(async () => {
  mesh = await startIdentityMesh({
    replicas: 2,
    env: { LOGIN_ATTEMPTS_PER_USER: '4', LOGIN_ATTEMPTS_PER_ADDRESS: '12', LOGIN_ATTEMPTS_WINDOW: '1h' },
  });
  postgres = new PostgresClient({ connectionString: mesh.database.url });
  await postgres.connect();
  await postgres.query('set search_path to account_auth');
}, 60_000);
afterAll(async () => {
  await postgres.end();
  await mesh.stop();
});

const invalid = { reason: ErrorReason.CREDENTIALS_INVALID };
const refresh = (refreshToken: string, replica = 0) =>
  mesh.client({ replica }).refreshTokens({ refreshToken });
const loginOf = async (userId: string) =>
  (await postgres.query('select * from logins where user_id = $1', [userId])).rows;

async function waitingForLocks(): Promise<number> {
  const { rows } = await postgres.query<{ count: number }>(
    `select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
       and application_name = 'telegate account-auth'`,
  );
  return rows[0]!.count;
}

describe('refreshing', () => {
  test('fifty at once with one token, on two replicas, get one successor, and the login lives', async () => {
    const ann = await mesh.user();
    const calls = Array.from({ length: 50 }, (_, index) => refresh(ann.refreshToken, index % 2));
    const successors = new Set((await Promise.all(calls)).map(({ tokens }) => tokens!.refreshToken));
    expect(successors.size).toBe(1);
    const [successor] = successors;
    expect(successor).not.toBe(ann.refreshToken);
    expect(await loginOf(ann.userId)).toMatchObject([{ generation: 2, end_time: null }]);
    await expect(refresh(successor!)).resolves.toBeDefined();
  });

  test('the predecessor is forgiven for five seconds and not longer', async () => {
    const ann = await mesh.user();
    const { tokens } = await refresh(ann.refreshToken);
    const again = await refresh(ann.refreshToken, 1);
    expect(again.tokens!.refreshToken).toBe(tokens!.refreshToken);
    await postgres.query(`update logins set rotate_time = rotate_time - interval '5 s' where user_id = $1`, [
      ann.userId,
    ]);
    await expect(refresh(ann.refreshToken)).rejects.toMatchObject(invalid);
    await expect(refresh(tokens!.refreshToken)).rejects.toMatchObject(invalid);
    expect(await loginOf(ann.userId)).toMatchObject([{ end_reason: 'refresh_reuse' }]);
  });

  test('an older one ends the login at once, and that is written down', async () => {
    const ann = await mesh.user();
    const second = (await refresh(ann.refreshToken)).tokens!.refreshToken;
    const third = (await refresh(second)).tokens!.refreshToken;
    await expect(refresh(ann.refreshToken)).rejects.toMatchObject(invalid);
    await expect(refresh(third)).rejects.toMatchObject(invalid);
    const { rows } = await postgres.query('select action from audit where subject = $1', [
      `user:${ann.userId}`,
    ]);
    expect(rows).toContainEqual({ action: 'refresh_token_reused' });
    expect(mesh.replicas[0]!.log).toContainEqual(expect.objectContaining({ action: 'refresh_token_reused' }));
    const other = await mesh.client().login(ann);
    await expect(refresh(other.tokens!.refreshToken)).resolves.toBeDefined();
  });

  test('a forged token ends nothing', async () => {
    const ann = await mesh.user();
    const bytes = Buffer.from(ann.refreshToken.slice(4), 'base64url');
    bytes.writeUInt32BE(0, 16);
    const forged = `tgr_${bytes.toString('base64url')}`;
    for (const token of [forged, 'tgr_x', ann.accessToken.slice(0, 500), 'x'.repeat(512)])
      await expect(refresh(token)).rejects.toMatchObject(invalid);
    await expect(refresh(ann.refreshToken)).resolves.toBeDefined();
  });

  test('a login that was ended, or whose time is over, gives no more', async () => {
    const ann = await mesh.user();
    await ann.client.logout({});
    await ann.client.logout({}).catch(() => undefined);
    await expect(refresh(ann.refreshToken)).rejects.toMatchObject(invalid);
    const bob = await mesh.user();
    await postgres.query('update logins set expire_time = clock_timestamp() where user_id = $1', [
      bob.userId,
    ]);
    await expect(refresh(bob.refreshToken)).rejects.toMatchObject(invalid);
  });

  test('a user has so many logins; one more ends the one refreshed longest ago', async () => {
    const ann = await mesh.user();
    const [first] = await loginOf(ann.userId);
    await postgres.query(
      `insert into logins (login_id, tenant_id, user_id, expire_time)
       select gen_random_uuid(), $1, $2, clock_timestamp() + interval '1 day' from generate_series(2, $3)`,
      [ann.tenantId, ann.userId, LOGINS_A_USER],
    );
    // All four begin before any of them can end.
    await postgres.query('begin');
    await postgres.query('select from users where user_id = $1 for update', [ann.userId]);
    const four = Array.from({ length: 4 }, (_, index) => mesh.client({ replica: index % 2 }).login(ann));
    await expect.poll(waitingForLocks, { timeout: 5_000 }).toBe(4);
    await postgres.query('commit');
    await Promise.all(four);
    const logins = await loginOf(ann.userId);
    expect(logins.filter(({ end_time: end }) => end === null)).toHaveLength(LOGINS_A_USER);
    expect(logins.find(({ login_id: id }) => id === first.login_id)).toMatchObject({
      end_reason: 'too_many',
    });
  });
});

describe('attempts', () => {
  const keys = () => meshKeys([Buffer.from(mesh.environment['TELEGATE_MESH_KEY']!, 'base64')]);

  /** Calls as the gateway passes them on, from such an address. */
  async function attempt(address: string, email: string, password: string, service: string = EDGE_SERVICE) {
    const token = await createMeshTokenSource(keys(), service, systemClock)(anonymous);
    return mesh
      .client({ token, replica: Math.round(Math.random()) })
      .login({ email, password }, { metadata: { 'x-client-address': address } });
  }
  const LET_IN = 'let in';
  const outcome = (call: Promise<unknown>): Promise<unknown> =>
    call.then(
      () => LET_IN,
      ({ reason }: { reason: ErrorReason }) => reason,
    );
  const WRONG = 'not the password';

  test('of one user are limited on all replicas together, from wherever, also with the right password', async () => {
    const ann = await mesh.user();
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, (_, index) => outcome(attempt(`192.0.2.${index}`, ann.email, WRONG))),
    );
    expect(outcomes.filter((one) => one === ErrorReason.CREDENTIALS_INVALID)).toHaveLength(4);
    expect(outcomes.filter((one) => one === ErrorReason.QUOTA_EXCEEDED)).toHaveLength(6);
    const refused = await attempt('192.0.2.99', ann.email, ann.password).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      reason: ErrorReason.QUOTA_EXCEEDED,
      metadata: { quota: 'user_attempts' },
    });
    const { retryAfterMs } = refused as { retryAfterMs: number };
    expect(retryAfterMs).toBeGreaterThan(3_500_000);
    expect(retryAfterMs).toBeLessThanOrEqual(3_600_000);
    await postgres.query('update attempts set end_time = clock_timestamp() where subject = $1', [ann.email]);
    expect(await outcome(attempt('192.0.2.99', ann.email, ann.password))).toBe(LET_IN);
  });

  test('from one address are limited over all users, one IPv6 network counting as one', async () => {
    const strangers = Array.from({ length: 20 }, (_, index) =>
      outcome(attempt(`2001:db8:9:9::${index + 1}`, `${randomUUIDv7()}@example.org`, WRONG)),
    );
    const outcomes = await Promise.all(strangers);
    expect(outcomes.filter((one) => one === ErrorReason.CREDENTIALS_INVALID)).toHaveLength(12);
    const ann = await mesh.user();
    expect(await outcome(attempt('2001:db8:9:9::77', ann.email, ann.password))).toBe(
      ErrorReason.QUOTA_EXCEEDED,
    );
    expect(await outcome(attempt('2001:db8:9:a::77', ann.email, ann.password))).toBe(LET_IN);
  });

  test('that succeed do not count', async () => {
    const ann = await mesh.user();
    for (let index = 0; index < 15; index += 1)
      expect(await outcome(attempt('198.51.100.1', ann.email, ann.password))).toBe(LET_IN);
  });

  test('are from where the gateway says, and nobody else is believed', async () => {
    const { rows: before } = await postgres.query(`select * from attempts where subject = '203.0.113.5'`);
    expect(before).toEqual([]);
    await outcome(attempt('203.0.113.5', `${randomUUIDv7()}@example.org`, WRONG, 'messaging'));
    const metadata = { 'x-client-address': '203.0.113.5' };
    await outcome(
      mesh.client().login({ email: `${randomUUIDv7()}@example.org`, password: WRONG }, { metadata }),
    );
    const { rows } = await postgres.query(`select * from attempts where subject = '203.0.113.5'`);
    expect(rows).toEqual([]);
    await outcome(attempt('203.0.113.5', `${randomUUIDv7()}@example.org`, WRONG));
    const { rows: counted } = await postgres.query(`select * from attempts where subject = '203.0.113.5'`);
    expect(counted).toMatchObject([{ kind: 'address', count: 1 }]);
  });
});

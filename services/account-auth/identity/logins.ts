import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { appendEvents, type NewEvent } from '#lib/events/outbox.ts';
import { signAccessToken } from '#lib/auth/access-token.ts';
import { Unauthenticated } from '#lib/rpc/errors.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { accountAuthEvent } from '../events.ts';
import type { AccountAuthTransaction } from '../tables.ts';
import { appendAudit } from './audit.ts';
import type { Identity } from './identity.ts';
import { decideRefresh, LOGINS_A_USER, userScopes, type LoginState } from './model.ts';
import { readRefreshToken, writeRefreshToken } from './refresh-token.ts';

export interface LoginUser {
  user_id: string;
  tenant_id: string;
  email: string;
  role: 'user' | 'operator';
  owner: boolean;
  create_time: Date;
}

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly refreshExpireTime: Date;
}

type EndReason = 'logout' | 'refresh_reuse' | 'too_many' | 'expired' | 'password_changed';

/** A new login of a user whose password was right. */
export async function startLogin(identity: Identity, user: LoginUser): Promise<Tokens> {
  const loginId = randomUUIDv7();
  const expireTime = await transaction(identity.database, async (trx) => {
    // Logins of one user begin one after the other, so that together they keep to their number.
    await sql`select from users where user_id = ${user.user_id}::uuid for update`.execute(trx);
    await endLogins(
      trx,
      sql`login_id in (
        select login_id from logins where user_id = ${user.user_id}::uuid and end_time is null
        order by rotate_time desc offset ${LOGINS_A_USER - 1}
      )`,
      'too_many',
    );
    const { rows } = await sql<{ expire_time: Date }>`
      insert into logins (login_id, tenant_id, user_id, expire_time)
      values (${loginId}::uuid, ${user.tenant_id}::uuid, ${user.user_id}::uuid,
        clock_timestamp() + ${identity.settings.loginTtlMs} * interval '1 millisecond')
      returning expire_time`.execute(trx);
    return rows[0]!.expire_time;
  });
  identity.wakeRelay();
  return tokensOf(identity, user, { loginId, generation: 1, expireTime });
}

type RefreshRow = LoginUser & LoginRow;

interface LoginRow {
  login_id: string;
  generation: number;
  rotate_time: Date;
  expire_time: Date;
  end_time: Date | null;
  now: Date;
}

/** The next tokens for a refresh token; with an old one the login ends. */
export async function refresh(identity: Identity, token: string): Promise<Tokens> {
  const given = readRefreshToken(identity.tokenKeys.refreshKeys(), token);
  if (!given) throw new Unauthenticated();
  const next = await transaction(identity.database, async (trx) => {
    const row = await lockLogin(trx, given.loginId);
    switch (decideRefresh(row && loginState(row), given.generation, row?.now ?? new Date(0))) {
      case 'rotate':
        return rotate(trx, row!, identity.settings.loginTtlMs);
      case 'repeat':
        return row;
      case 'end':
        await endLogins(trx, sql`login_id = ${given.loginId}::uuid and end_time is null`, 'refresh_reuse');
        await appendAudit(trx, {
          tenantId: row!.tenant_id,
          subject: `user:${row!.user_id}`,
          action: 'refresh_token_reused',
          entityId: given.loginId,
        });
        return 'ended';
      case 'refuse':
        return undefined;
    }
  });
  identity.wakeRelay();
  if (next === 'ended') {
    identity.log.warn(
      { kind: 'audit', action: 'refresh_token_reused', login_id: given.loginId },
      'an old refresh token came again: its login is ended',
    );
    throw new Unauthenticated();
  }
  if (!next) throw new Unauthenticated();
  return tokensOf(identity, next, {
    loginId: next.login_id,
    generation: next.generation,
    expireTime: next.expire_time,
  });
}

function loginState(row: LoginRow): LoginState {
  const { generation, rotate_time: rotateTime, expire_time: expireTime, end_time: endTime } = row;
  return { generation, rotateTime, expireTime, endTime };
}

async function lockLogin(trx: AccountAuthTransaction, loginId: string): Promise<RefreshRow | undefined> {
  await sql`select from logins where login_id = ${loginId}::uuid for update`.execute(trx);
  const { rows } = await sql<RefreshRow>`
    select logins.*, users.email, users.role, users.owner, clock_timestamp() as now
    from logins join users using (user_id) where login_id = ${loginId}::uuid`.execute(trx);
  return rows[0];
}

async function rotate(trx: AccountAuthTransaction, row: RefreshRow, ttlMs: number): Promise<RefreshRow> {
  const { rows } = await sql<{ generation: number; expire_time: Date }>`
    update logins set generation = generation + 1, rotate_time = clock_timestamp(),
      expire_time = clock_timestamp() + ${ttlMs} * interval '1 millisecond'
    where login_id = ${row.login_id}::uuid
    returning generation, expire_time`.execute(trx);
  return { ...row, ...rows[0]! };
}

/** Ends what is still going on, with an event each. Answers how many. */
export async function endLogins(
  trx: AccountAuthTransaction,
  which: ReturnType<typeof sql>,
  reason: EndReason,
): Promise<number> {
  const { rows } = await sql<{ login_id: string; tenant_id: string; end_time: Date }>`
    update logins set end_time = clock_timestamp(), end_reason = ${reason}
    where end_time is null and ${which}
    returning login_id, tenant_id, end_time`.execute(trx);
  await appendEvents(
    trx,
    rows.map((row): NewEvent => {
      const { login_id: loginId, tenant_id: tenantId, end_time: occurTime } = row;
      const payload = { case: 'credentialRevoked' as const, value: { loginId } };
      return accountAuthEvent({ entityId: loginId, tenantId, sequence: 1n, occurTime }, payload);
    }),
  );
  return rows.length;
}

async function tokensOf(
  { tokenKeys, clock }: Identity,
  user: Pick<LoginUser, 'user_id' | 'tenant_id' | 'role'>,
  login: { loginId: string; generation: number; expireTime: Date },
): Promise<Tokens> {
  const grant = {
    userId: user.user_id,
    tenantId: user.tenant_id,
    role: user.role,
    scopes: userScopes,
    loginId: login.loginId,
  };
  return {
    accessToken: await signAccessToken(tokenKeys.signing(), grant, clock.now()),
    refreshToken: writeRefreshToken(tokenKeys.refreshKeys()[0]!, login),
    refreshExpireTime: login.expireTime,
  };
}

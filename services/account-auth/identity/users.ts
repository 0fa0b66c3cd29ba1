import { createHash, randomBytes, randomUUIDv7 } from 'node:crypto';
import { sql, type QueryExecutorProvider } from 'kysely';
import { AlreadyExists, NotFound, PermissionDenied, QuotaExceeded } from '#lib/rpc/errors.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import type { AccountAuthTransaction } from '../tables.ts';
import { appendAudit } from './audit.ts';
import type { Identity } from './identity.ts';
import type { LoginUser } from './logins.ts';
import { INVITATIONS_A_TENANT } from './model.ts';

export interface Registration {
  email: string;
  passwordHash: string;
  tenantName: string;
  invitation: string;
}

/** A user in a tenant of its own, or in the one that invited it. */
export async function register(
  trx: AccountAuthTransaction,
  identity: Identity,
  { email, passwordHash, tenantName, invitation }: Registration,
): Promise<LoginUser> {
  if (invitation === '' && !identity.settings.openRegistration)
    throw new PermissionDenied(
      { role: 'invited' },
      'Nobody registers here without an invitation. Ask for one.',
    );
  const userId = randomUUIDv7();
  let tenantId = invitation === '' ? undefined : await useInvitation(trx, invitation, email);
  const owner = tenantId === undefined;
  tenantId ??= await makeTenant(trx, randomUUIDv7(), tenantName);
  const user = await insertUser(trx, { userId, tenantId, email, role: 'user', owner, passwordHash });
  if (!user) throw new AlreadyExists('user', email);
  await appendAudit(trx, {
    tenantId,
    subject: `user:${userId}`,
    action: 'register',
    entityId: userId,
    detail: { by: owner ? 'itself' : 'invitation' },
  });
  return user;
}

async function makeTenant(trx: AccountAuthTransaction, tenantId: string, name: string): Promise<string> {
  await sql`
    insert into tenants (tenant_id, name) values (${tenantId}::uuid, ${name}) on conflict do nothing`.execute(
    trx,
  );
  return tenantId;
}

interface NewUser {
  userId: string;
  tenantId: string;
  email: string;
  role: 'user' | 'operator';
  owner: boolean;
  passwordHash: string;
}

/** Undefined when the address is taken. */
async function insertUser(trx: AccountAuthTransaction, user: NewUser): Promise<LoginUser | undefined> {
  const { rows } = await sql<LoginUser>`
    insert into users (user_id, tenant_id, email, role, owner, password_hash)
    values (${user.userId}::uuid, ${user.tenantId}::uuid, ${user.email}, ${user.role}, ${user.owner},
      ${user.passwordHash})
    on conflict (email) do nothing
    returning user_id, tenant_id, email, role, owner, create_time`.execute(trx);
  return rows[0];
}

async function useInvitation(trx: AccountAuthTransaction, secret: string, email: string): Promise<string> {
  const { rows } = await sql<{ tenant_id: string }>`
    delete from invitations
    where secret_hash = ${secretHash(secret)} and expire_time > clock_timestamp() and email in ('', ${email})
    returning tenant_id`.execute(trx);
  if (!rows[0]) throw new NotFound('invitation', 'of this secret, or it was used or has expired');
  return rows[0].tenant_id;
}

export interface InvitationRow {
  invitation_id: string;
  tenant_id: string;
  email: string;
  expire_time: Date;
  create_time: Date;
}

const INVITATION_PREFIX = 'tgi_';

export async function createInvitation(
  identity: Identity,
  { tenantId, creator, email, ttlMs }: { tenantId: string; creator: string; email: string; ttlMs: number },
): Promise<{ row: InvitationRow; secret: string }> {
  const secret = INVITATION_PREFIX + randomBytes(32).toString('base64url');
  const row = await transaction(identity.database, async (trx) => {
    const { rows: tenants } = await sql`
      select from tenants where tenant_id = ${tenantId}::uuid for update`.execute(trx);
    if (tenants.length === 0) throw new NotFound('tenant', tenantId);
    const { rows: counted } = await sql<{ count: number }>`
      select count(*)::int as count from invitations
      where tenant_id = ${tenantId}::uuid and expire_time > clock_timestamp()`.execute(trx);
    if (counted[0]!.count >= INVITATIONS_A_TENANT)
      throw new QuotaExceeded(
        'invitations',
        `The tenant has ${INVITATIONS_A_TENANT} invitations that nobody has used. Wait until some are, or expire.`,
      );
    const { rows } = await sql<InvitationRow>`
      insert into invitations (invitation_id, tenant_id, secret_hash, email, creator, expire_time)
      values (${randomUUIDv7()}::uuid, ${tenantId}::uuid, ${secretHash(secret)}, ${email}, ${creator},
        clock_timestamp() + ${ttlMs} * interval '1 millisecond')
      returning invitation_id, tenant_id, email, expire_time, create_time`.execute(trx);
    const { invitation_id: entityId } = rows[0]!;
    await appendAudit(trx, { tenantId, subject: creator, action: 'create_invitation', entityId });
    return rows[0]!;
  });
  return { row, secret };
}

export function secretHash(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

export async function findUserByEmail(
  db: QueryExecutorProvider,
  email: string,
): Promise<(LoginUser & { password_hash: string }) | undefined> {
  const { rows } = await sql<LoginUser & { password_hash: string }>`
    select * from users where email = ${email}`.execute(db);
  return rows[0];
}

export async function findUser(
  db: QueryExecutorProvider,
  userId: string,
): Promise<(LoginUser & { password_hash: string }) | undefined> {
  const { rows } = await sql<LoginUser & { password_hash: string }>`
    select * from users where user_id = ${userId}::uuid`.execute(db);
  return rows[0];
}

export async function setPassword(trx: AccountAuthTransaction, user: LoginUser, hash: string): Promise<void> {
  const { user_id: userId, tenant_id: tenantId } = user;
  await sql`update users set password_hash = ${hash} where user_id = ${userId}::uuid`.execute(trx);
  await appendAudit(trx, {
    tenantId,
    subject: `user:${userId}`,
    action: 'change_password',
    entityId: userId,
  });
}

/** The deployment's first operator; undefined when there is one, or another replica makes it just now. */
export async function makeFirstOperator(
  identity: Identity,
  { email, password }: { email: string; password: string },
): Promise<LoginUser | undefined> {
  const { rows } = await sql`select from users where role = 'operator' limit 1`.execute(
    identity.database.kysely,
  );
  if (rows.length > 0) return undefined;
  const passwordHash = await identity.passwords.hash(password);
  return transaction(identity.database, async (trx) => {
    await sql`select pg_advisory_xact_lock(hashtextextended('telegate first operator', 0))`.execute(trx);
    const again = await sql`select from users where role = 'operator' limit 1`.execute(trx);
    if (again.rows.length > 0) return undefined;
    const tenantId = await makeTenant(trx, identity.settings.operatorTenant, 'operator');
    const userId = randomUUIDv7();
    const user = await insertUser(trx, {
      userId,
      tenantId,
      email,
      role: 'operator',
      owner: true,
      passwordHash,
    });
    if (!user) throw new AlreadyExists('user', `${email}: name another OPERATOR_EMAIL`);
    await appendAudit(trx, {
      tenantId,
      subject: `user:${userId}`,
      action: 'create_operator',
      entityId: userId,
    });
    return user;
  });
}

import { randomUUIDv7 } from 'node:crypto';
import { sql, type Kysely, type QueryExecutorProvider } from 'kysely';
import { NotFound } from '#lib/rpc/errors.ts';
import type { AccountAuthTables, AccountAuthTransaction } from '../tables.ts';
import type { LoginName } from './claim.ts';
import type { LoginKind, LoginRow } from './tables.ts';

export interface NewLogin {
  readonly tenantId: string;
  readonly subject: string;
  readonly kind: LoginKind;
  readonly phone: string;
  readonly environment: string;
  readonly proxyId: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly name: string;
  readonly requestId: string | null;
  readonly bodyHash: Uint8Array | null;
}

/** The login that was started: a new one, or none when one with the same phone or request lives. */
export async function insertLogin(
  db: QueryExecutorProvider,
  login: NewLogin,
  { ttlMs, attempts }: { ttlMs: number; attempts: number },
): Promise<LoginRow | undefined> {
  const { rows } = await sql<LoginRow>`
    insert into telegram_logins (login_id, tenant_id, kind, phone, environment, state, subject, request_id,
      body_hash, proxy_id, labels, name, attempts_left, expire_time)
    values (${randomUUIDv7()}::uuid, ${login.tenantId}::uuid, ${login.kind}, ${login.phone},
      ${login.environment}, 'starting', ${login.subject}, ${login.requestId}, ${login.bodyHash},
      ${login.proxyId}::uuid, ${JSON.stringify(login.labels)}::jsonb, ${login.name}, ${attempts},
      clock_timestamp() + ${ttlMs} * interval '1 millisecond')
    on conflict do nothing
    returning *`.execute(db);
  return rows[0];
}

export async function findByRequest(
  db: QueryExecutorProvider,
  { tenantId, subject, kind, requestId }: Pick<NewLogin, 'tenantId' | 'subject' | 'kind' | 'requestId'>,
): Promise<LoginRow | undefined> {
  const { rows } = await sql<LoginRow>`
    select * from telegram_logins
    where tenant_id = ${tenantId}::uuid and subject = ${subject} and kind = ${kind}
      and request_id = ${requestId}`.execute(db);
  return rows[0];
}

export async function findLiveByPhone(
  db: QueryExecutorProvider,
  { tenantId, environment, phone }: Pick<NewLogin, 'tenantId' | 'environment' | 'phone'>,
): Promise<LoginRow | undefined> {
  const { rows } = await sql<LoginRow>`
    select * from telegram_logins
    where tenant_id = ${tenantId}::uuid and environment = ${environment} and phone = ${phone}
      and kind = 'phone' and end_time is null`.execute(db);
  return rows[0];
}

/** The newest of a phone in the tenant, living or ended. */
export async function findNewestByPhone(
  db: QueryExecutorProvider,
  { tenantId, environment, phone }: Pick<NewLogin, 'tenantId' | 'environment' | 'phone'>,
): Promise<LoginRow | undefined> {
  const { rows } = await sql<LoginRow>`
    select * from telegram_logins
    where tenant_id = ${tenantId}::uuid and environment = ${environment} and phone = ${phone} and kind = 'phone'
    order by end_time is null desc, create_time desc limit 1`.execute(db);
  return rows[0];
}

export async function readLogin(
  db: QueryExecutorProvider,
  { tenantId, loginId }: LoginName,
): Promise<LoginRow> {
  const { rows } = await sql<LoginRow>`
    select * from telegram_logins
    where login_id = ${loginId}::uuid and tenant_id = ${tenantId}::uuid`.execute(db);
  if (!rows[0]) throw new NotFound('login', loginId);
  return rows[0];
}

/** Times are given from now, by the database's clock. */
export type LoginChanges = Partial<
  Omit<LoginRow, 'login_id' | 'tenant_id' | 'expire_time' | 'resend_time' | 'end_time'>
> & {
  readonly expireInMs?: number;
  readonly resendInMs?: number | null;
  readonly ends?: true;
};

/** The row after the change; none when it is no longer this worker's. */
export async function changeLogin(
  db: Kysely<AccountAuthTables> | AccountAuthTransaction,
  loginId: string,
  workerId: string,
  changes: LoginChanges,
): Promise<LoginRow | undefined> {
  const { expireInMs, resendInMs, ends, labels, ...columns } = changes;
  return db
    .updateTable('telegram_logins')
    .set({
      ...columns,
      ...(labels === undefined ? {} : { labels: sql`${JSON.stringify(labels)}::jsonb` }),
      ...(expireInMs === undefined ? {} : { expire_time: fromNow(expireInMs) }),
      ...(resendInMs === undefined ? {} : { resend_time: resendInMs === null ? null : fromNow(resendInMs) }),
      ...(ends ? { end_time: sql<Date>`clock_timestamp()` } : {}),
    })
    .where('login_id', '=', loginId)
    .where('worker_id', '=', workerId)
    .where('worker_end_time', '>', sql<Date>`clock_timestamp()`)
    .returningAll()
    .executeTakeFirst();
}

function fromNow(ms: number) {
  return sql<Date>`clock_timestamp() + ${ms} * interval '1 millisecond'`;
}

import { sql } from 'kysely';
import { withRetry } from '#lib/postgres/transaction.ts';
import type { AccountAuth } from '../account-auth.ts';
import type { LoginRow } from './tables.ts';

/*
 * A login is worked on by one process at a time: two connections under one key would cost the key. Who works on it
 * stands in its row, until a time by the database's clock; every change of the row asks for it.
 */

export interface ClaimedLogin extends LoginRow {
  readonly is_expired: boolean;
}

export interface LoginName {
  readonly tenantId: string;
  readonly loginId: string;
}

/** The login, claimed; `taken` while another works on it, who is told that somebody waits; none when it is not there. */
export async function claimLogin(
  { database }: Pick<AccountAuth, 'database'>,
  { tenantId, loginId }: LoginName,
  worker: { id: string; ttlMs: number },
): Promise<ClaimedLogin | 'taken' | undefined> {
  const { rows } = await withRetry(() =>
    sql<ClaimedLogin>`
      update telegram_logins set worker_id = ${worker.id}::uuid, wanted_by = null,
        worker_end_time = clock_timestamp() + ${worker.ttlMs} * interval '1 millisecond'
      where login_id = ${loginId}::uuid and tenant_id = ${tenantId}::uuid
        and (worker_id is null or worker_id = ${worker.id}::uuid or worker_end_time <= clock_timestamp())
      returning *, end_time is null and expire_time <= clock_timestamp() as is_expired`.execute(
      database.kysely,
    ),
  );
  if (rows[0]) return rows[0];
  const { rows: found } = await sql`
    update telegram_logins set wanted_by = ${worker.id}::uuid
    where login_id = ${loginId}::uuid and tenant_id = ${tenantId}::uuid returning 1`.execute(database.kysely);
  return found.length > 0 ? 'taken' : undefined;
}

/** Whether somebody waits for it; undefined when the claim is no longer this worker's. */
export async function renewClaim(
  { database }: Pick<AccountAuth, 'database'>,
  loginId: string,
  worker: { id: string; ttlMs: number },
): Promise<{ isWanted: boolean } | undefined> {
  const { rows } = await sql<{ is_wanted: boolean }>`
    update telegram_logins set
      worker_end_time = clock_timestamp() + ${worker.ttlMs} * interval '1 millisecond'
    where login_id = ${loginId}::uuid and worker_id = ${worker.id}::uuid and worker_end_time > clock_timestamp()
    returning wanted_by is not null as is_wanted`.execute(database.kysely);
  return rows[0] && { isWanted: rows[0].is_wanted };
}

export async function releaseClaim(
  { database }: Pick<AccountAuth, 'database'>,
  loginId: string,
  workerId: string,
): Promise<void> {
  await sql`
    update telegram_logins set worker_id = null, worker_end_time = null
    where login_id = ${loginId}::uuid and worker_id = ${workerId}::uuid`.execute(database.kysely);
}

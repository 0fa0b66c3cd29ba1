import { sql } from 'kysely';
import type { MasterKeys } from '#lib/config/shared.ts';
import { appendEvents } from '#lib/events/outbox.ts';
import { InvalidFields } from '#lib/rpc/errors.ts';
import { fingerprint } from '#lib/telegram/material/fingerprint.ts';
import { SessionDuplicate } from '../errors.ts';
import { sessionEvent } from '../events.ts';
import { endLeases } from '../leases/end.ts';
import type { PoolTransaction } from '../slots.ts';
import { sealMaterial } from './credentials.ts';
import type { NewSession } from './import.ts';
import { CONDITION } from './model.ts';
import { lockSession, nextEvent } from './store.ts';

/** The session that an account of the tenant has. */
export async function sessionOfAccount(
  trx: PoolTransaction,
  { tenantId, accountId }: { tenantId: string; accountId: string },
): Promise<bigint | undefined> {
  const { rows } = await sql<{ session_id: bigint }>`
    select session_id from sessions
    where tenant_id = ${tenantId}::uuid and account_id = ${accountId} and account_id <> ''`.execute(trx);
  return rows[0]?.session_id;
}

/**
 * An account that has a session logged in anew: the session gets the new key and is usable whatever kept it out.
 * Whoever leased it holds the old key, so the lease ends; the token rises, so that what is still reported of the
 * old key harms the new one no more. A socket of the old key delays the next grant as long as its claim lives.
 */
export async function replaceKey(
  trx: PoolTransaction,
  masterKeys: MasterKeys,
  sessionId: bigint,
  { tenantId, material, environment, isMoved = false }: NewSession,
  subject: string,
): Promise<void> {
  const before = await lockSession(trx, tenantId, sessionId);
  if (before.environment !== environment)
    throw new InvalidFields([
      {
        field: 'environment',
        description: `is not ${before.environment}, where the account's session belongs`,
      },
    ]);
  const print = fingerprint(material.authKey);
  await refuseDuplicate(trx, tenantId, sessionId, print);
  const reason = isMoved ? 'Telegram moved the account' : 'the account logged in anew';
  // No quarantine: a key that was handed out is not the one that is used from now on.
  await endLeases(trx, [sessionId], { kind: 'session_gone', reason, subject }, 0);
  const owner = { session_id: sessionId, tenant_id: tenantId };
  const sealed = sealMaterial(masterKeys, owner, material);
  await sql`
    update session_keys set master_key_version = ${sealed.masterKeyVersion},
      wrapped_key = ${sealed.wrappedKey}, ciphertext = ${sealed.ciphertext}
    where session_id = ${sessionId}`.execute(trx);
  // A file of the session folder holds the old key, if any: to sync it is a file like any other.
  await sql`delete from session_files where session_id = ${sessionId}`.execute(trx);
  await sql`
    update sessions set fingerprint = ${print}, data_center = ${material.dataCenter},
      source = case when ${isMoved}::boolean then source else 'login' end,
      has_file = false, condition_reason = '', condition_before_leaving = null, revision = revision + 1
    where session_id = ${sessionId} and tenant_id = ${tenantId}::uuid`.execute(trx);
  await sql`
    update slots set condition = ${CONDITION.USABLE}, quarantine_end_time = null,
      fencing_token = greatest(slots.fencing_token + 1, installation.epoch::bigint << 40)
    from installation
    where session_id = ${sessionId} and tenant_id = ${tenantId}::uuid`.execute(trx);
  if (before.condition !== CONDITION.USABLE)
    await appendEvents(trx, [
      sessionEvent(await nextEvent(trx, owner), { case: 'sessionRestored', value: { sessionId } }),
    ]);
}

async function refuseDuplicate(
  trx: PoolTransaction,
  tenantId: string,
  sessionId: bigint,
  print: Buffer,
): Promise<void> {
  const { rows } = await sql<{ name: string; own: boolean }>`
    select name, tenant_id = ${tenantId}::uuid as own from sessions
    where fingerprint = ${print} and session_id <> ${sessionId}`.execute(trx);
  if (rows[0]) throw new SessionDuplicate(rows[0].own ? rows[0].name : undefined);
}

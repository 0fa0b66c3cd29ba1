import { sql } from 'kysely';
import { appendEvents } from '#lib/events/outbox.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { canonicalText } from '#lib/requests/canonical.ts';
import { AlreadyExists, EtagMismatch } from '#lib/rpc/errors.ts';
import { sessionEvent } from '../events.ts';
import type { Pool } from '../pool.ts';
import { etagOf, type SessionRow } from './model.ts';
import { sessionOfAccount } from './login.ts';
import { lockSession, nextEvent, readSession } from './store.ts';

/** What is not named stays. */
export interface SessionChange {
  readonly tenantId: string;
  readonly sessionId: bigint;
  readonly etag: string;
  /** Replaces all labels. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly accountId?: string;
  readonly paused?: boolean;
}

/** The same values change nothing, the etag included. */
export async function updateSession(pool: Pool, change: SessionChange): Promise<SessionRow> {
  const { tenantId, sessionId, etag } = change;
  const row = await transaction(pool.database, async (trx) => {
    const before = await lockSession(trx, tenantId, sessionId);
    if (etag !== '' && etag !== etagOf(before)) throw new EtagMismatch('session', String(sessionId));
    const { labels = before.labels, accountId = before.account_id, paused = before.paused } = change;
    const isSame =
      canonicalText(labels) === canonicalText(before.labels) &&
      accountId === before.account_id &&
      paused === before.paused;
    if (isSame) return before;
    const other = await sessionOfAccount(trx, { tenantId, accountId });
    if (other !== undefined && other !== sessionId) throw new AlreadyExists('session of account', accountId);
    const { rows } = await sql<{ revision: bigint }>`
      update sessions set labels = ${JSON.stringify(labels)}::jsonb, account_id = ${accountId},
        revision = revision + 1
      where session_id = ${sessionId} and tenant_id = ${tenantId}::uuid
      returning revision`.execute(trx);
    if (paused !== before.paused)
      await sql`
        update slots set paused = ${paused}
        where session_id = ${sessionId} and tenant_id = ${tenantId}::uuid`.execute(trx);
    const value = { sessionId, accountId, labels: { ...labels }, paused, revision: rows[0]!.revision };
    await appendEvents(trx, [sessionEvent(await nextEvent(trx, before), { case: 'sessionUpdated', value })]);
    return readSession(trx, tenantId, { sessionId });
  });
  pool.wakeRelay();
  // A waiter may want just these labels, or this session that goes on.
  pool.wakeQueue([tenantId]);
  return row;
}

import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import type { SessionCredentials, SessionFormat } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { appendEvents } from '#lib/events/outbox.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { appendAudit } from '../audit.ts';
import { SessionLeased, SessionUnusable } from '../errors.ts';
import { sessionEvent } from '../events.ts';
import type { Pool } from '../pool.ts';
import type { PoolTransaction } from '../slots.ts';
import { readCredentials } from './credentials.ts';
import { sessionState, stateName, type SessionRow } from './model.ts';
import { claimObstacle } from './removal.ts';
import { lockSession, nextEvent } from './store.ts';

export interface Export {
  tenantId: string;
  sessionId: bigint;
  format: SessionFormat;
  subject: string;
}

/** Hands out a key that nobody can be using, and lets nobody use it here until whoever has it has had a while. */
export async function exportSession(
  pool: Pool,
  { tenantId, sessionId, format, subject }: Export,
): Promise<{ credentials: SessionCredentials; sessionName: string }> {
  const exported = await transaction(pool.database, async (trx) => {
    const row = await lockSession(trx, tenantId, sessionId);
    refuseIfInUse(row);
    const [credentials] = await readCredentials(trx, pool, [row], [format]);
    const endTime = await quarantine(trx, row, pool.settings.quarantineMs);
    await appendEvents(trx, [
      sessionEvent(await nextEvent(trx, row), {
        case: 'sessionQuarantined',
        value: { sessionId, endTime: timestampFromDate(endTime), cause: 'exported' },
      }),
    ]);
    await appendAudit(trx, [
      { tenantId, subject, action: 'export_session', sessionId, detail: { session_name: row.name } },
    ]);
    return { credentials: credentials!, sessionName: row.name };
  });
  pool.wakeRelay();
  return exported;
}

/** A wait that Telegram imposed does not stand in the way; a quarantine does: somebody may have the key. */
function refuseIfInUse(row: SessionRow): void {
  if (row.lease_id !== null) throw new SessionLeased(row.session_id, row.holder!, row.expire_time!);
  const claimed = claimObstacle(row);
  if (claimed) throw claimed;
  const state = sessionState(row, row.at);
  if (state === SessionState.FREE || state === SessionState.FLOOD_WAIT) return;
  const unusable = new SessionUnusable(row.session_id, stateName(state));
  if (state === SessionState.QUARANTINED)
    unusable.retryAfterMs = row.quarantine_end_time!.getTime() - row.at.getTime();
  throw unusable;
}

async function quarantine(
  trx: PoolTransaction,
  { session_id, tenant_id }: SessionRow,
  quarantineMs: number,
): Promise<Date> {
  const { rows } = await sql<{ quarantine_end_time: Date }>`
    update slots set quarantine_end_time = clock_timestamp() + ${quarantineMs} * interval '1 ms'
    where session_id = ${session_id} and tenant_id = ${tenant_id}::uuid
    returning quarantine_end_time`.execute(trx);
  return rows[0]!.quarantine_end_time;
}

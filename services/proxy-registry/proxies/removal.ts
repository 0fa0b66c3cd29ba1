import { sql } from 'kysely';
import { transaction } from '#lib/postgres/transaction.ts';
import { appendAudit } from '../audit.ts';
import { settle, moveTo } from '../assignments/model.ts';
import { AssignmentState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { placeOf, type PlaceRow } from '../assignments/store.ts';
import { openTurn } from '../assignments/turn.ts';
import { EgressInUse } from '../errors.ts';
import type { Registry } from '../registry.ts';
import type { RegistryTransaction } from '../tables.ts';
import { takeTurns } from '../turns.ts';
import { proxyLabel } from './model.ts';
import { readProxy } from './store.ts';

const ACCOUNTS_AT_ONCE = 1_000;

export interface ProxyRemoval {
  tenantId: string;
  subject: string;
  proxyId: string;
  /** Although sockets use it: they are told at their next renewal. */
  force: boolean;
}

/** Deletes a proxy; its accounts move by their own policies, or wait. */
export async function removeProxy(registry: Registry, removal: ProxyRemoval): Promise<void> {
  const { tenantId, subject, proxyId, force } = removal;
  await transaction(registry.database, async (trx) => {
    await takeTurns(trx, [tenantId]);
    const row = await readProxy(trx, tenantId, proxyId);
    if (!force) await refuseHeldProxy(trx, proxyId);
    await sql`delete from holds where proxy_id = ${proxyId}::uuid`.execute(trx);
    // Nobody is to be moved onto what goes.
    await sql`update proxy_status set state = 4 where proxy_id = ${proxyId}::uuid`.execute(trx);
    let moved = 0;
    for (let count = ACCOUNTS_AT_ONCE; count === ACCOUNTS_AT_ONCE; moved += count)
      count = await moveAccounts(trx, without(registry, proxyId), proxyId);
    await sql`delete from proxies where proxy_id = ${proxyId}::uuid`.execute(trx);
    await appendAudit(trx, [
      {
        tenantId,
        subject,
        action: 'delete_proxy',
        proxyId,
        detail: { proxy: proxyLabel(row), accounts: String(moved) },
      },
    ]);
  });
}

/** The default that is deleted is nobody's any more. */
function without(registry: Registry, proxyId: string): Registry {
  const { defaultProxy, ...settings } = registry.settings;
  return defaultProxy?.proxyId === proxyId ? { ...registry, settings } : registry;
}

async function refuseHeldProxy(trx: RegistryTransaction, proxyId: string): Promise<void> {
  await sql`
    delete from holds where proxy_id = ${proxyId}::uuid and expire_time <= clock_timestamp()`.execute(trx);
  const { rows } = await sql<{ process_id: string; expire_time: Date }>`
    select process_id, expire_time from holds where proxy_id = ${proxyId}::uuid
    order by expire_time desc limit 1`.execute(trx);
  if (rows[0])
    throw new EgressInUse(
      `proxy ${proxyId}`,
      rows[0].process_id,
      rows[0].expire_time,
      'Wait until its sockets are closed, or delete it with force.',
    );
}

async function moveAccounts(trx: RegistryTransaction, registry: Registry, proxyId: string): Promise<number> {
  const { rows } = await sql<PlaceRow>`
    select * from assignments where proxy_id = ${proxyId}::uuid
    order by ordinal limit ${ACCOUNTS_AT_ONCE}`.execute(trx);
  if (rows.length === 0) return 0;
  const questions = rows
    .map(placeOf)
    .map(({ tenantId, accountId, sessionId }) => ({ tenantId, accountId, sessionId }));
  const turn = await openTurn(trx, registry, questions, () => true);
  for (const question of questions) {
    const place = turn.placeOf(question);
    const room = turn.roomOf(question.tenantId);
    moveTo(room, place, undefined, AssignmentState.WAITING);
    settle(room, place);
  }
  await turn.save();
  return rows.length;
}

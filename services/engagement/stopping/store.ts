import { sql, type QueryExecutorProvider } from 'kysely';
import { transaction } from '#lib/postgres/transaction.ts';
import { appendAudit } from '../audit.ts';
import { pauseCampaigns } from '../campaigns/pausing.ts';
import { EngagementStopped } from '../errors.ts';
import { tellEvents } from '../events.ts';
import type { EngagementDatabase, EngagementTransaction } from '../tables.ts';

const MESH = 'mesh';

export interface SwitchRow {
  readonly scope: string;
  readonly is_on: boolean;
  readonly reason: string;
  readonly subject: string;
  readonly set_time: Date;
}

export interface Switches {
  /** Undefined: it was never set. */
  readonly tenant: SwitchRow | undefined;
  readonly mesh: SwitchRow;
}

export async function readSwitches(executor: QueryExecutorProvider, tenantId: string): Promise<Switches> {
  const { rows } = await sql<SwitchRow>`
    select scope, is_on, reason, subject, set_time from kill_switches
    where scope in (${MESH}, ${tenantId})`.execute(executor);
  return {
    tenant: rows.find(({ scope }) => scope === tenantId),
    mesh: rows.find(({ scope }) => scope === MESH)!,
  };
}

const LOCK = 'telegate engagement kill switch';

/** For what makes a campaign run: until this transaction ends no switch is set. Throws EngagementStopped. */
export async function checkNotStopped(trx: EngagementTransaction, tenantId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock_shared(hashtextextended(${LOCK}, 0))`.execute(trx);
  throwIfStopped(await readSwitches(trx, tenantId));
}

export function throwIfStopped({ mesh, tenant }: Switches): void {
  if (mesh.is_on) throw new EngagementStopped('mesh', mesh.reason);
  if (tenant?.is_on === true) throw new EngagementStopped('tenant', tenant.reason);
}

export interface Setting {
  readonly scope: 'tenant' | 'mesh';
  readonly isOn: boolean;
  readonly reason: string;
  /** The caller's, also for the mesh's switch. */
  readonly tenantId: string;
  readonly subject: string;
}

/** Nothing begins after the commit of one that is on. Setting what is set changes nothing. */
export function setSwitch(
  database: EngagementDatabase,
  { scope, isOn, reason, tenantId, subject }: Setting,
): Promise<{ row: SwitchRow; paused: number }> {
  const key = scope === 'mesh' ? MESH : tenantId;
  return transaction(database, async (trx) => {
    // Whoever makes something run now ends first, and is paused.
    await sql`select pg_advisory_xact_lock(hashtextextended(${LOCK}, 0))`.execute(trx);
    const { rows } = await sql<SwitchRow>`
      insert into kill_switches as known (scope, is_on, reason, subject, set_time)
      values (${key}, ${isOn}, ${reason}, ${subject}, clock_timestamp())
      on conflict (scope) do update set is_on = excluded.is_on, reason = excluded.reason,
        subject = excluded.subject, set_time = excluded.set_time
        where known.is_on <> excluded.is_on
      returning scope, is_on, reason, subject, set_time`.execute(trx);
    const [row] = rows;
    if (row === undefined) {
      const { tenant, mesh } = await readSwitches(trx, tenantId);
      return { row: scope === 'mesh' ? mesh : tenant!, paused: 0 };
    }
    await appendAudit(trx, [
      { tenantId, subject, action: 'set_kill_switch', detail: { scope, on: String(isOn), reason } },
    ]);
    await tellEvents(trx, [
      { tenantId, entityId: key, payload: { case: 'killSwitchSet', value: { scope, on: isOn, reason } } },
    ]);
    if (!isOn) return { row, paused: 0 };
    const words = `the kill switch of the ${scope} is on${reason === '' ? '' : `: ${reason}`}`;
    const paused = await pauseCampaigns(trx, scope === 'mesh' ? 'all' : { tenantId }, {
      cause: 'kill_switch',
      reason: words,
      subject,
    });
    return { row, paused };
  });
}

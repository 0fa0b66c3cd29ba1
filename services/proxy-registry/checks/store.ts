import { sql, type RawBuilder, type SqlBool } from 'kysely';
import { ProxyState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { appendEvents } from '#lib/events/outbox.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { proxyEvent } from '../events.ts';
import type { Registry } from '../registry.ts';
import { nextCheckMs, turnedTo, type Finding } from './model.ts';

/** A proxy to look at, as it stood when somebody decided to. */
export interface CheckTarget {
  proxy_id: string;
  tenant_id: string;
  port: number;
  username: string;
  pinned_address: string;
  dial_revision: bigint;
}

const targetColumns = sql`proxies.proxy_id, proxies.tenant_id, proxies.port, proxies.username,
  proxies.pinned_address, proxies.dial_revision`;

export async function readTarget(
  { database }: Pick<Registry, 'database'>,
  tenantId: string,
  proxyId: string,
): Promise<CheckTarget | undefined> {
  const where: RawBuilder<SqlBool> = sql`tenant_id = ${tenantId}::uuid and proxy_id = ${proxyId}::uuid`;
  const { rows } = await sql<CheckTarget>`select ${targetColumns} from proxies where ${where}`.execute(
    database.kysely,
  );
  return rows[0];
}

/** Proxies whose look is due. Nobody else takes them for `claimMs`: a replica that dies gives them back by time. */
export async function claimDue(
  { database }: Pick<Registry, 'database'>,
  limit: number,
  claimMs: number,
): Promise<CheckTarget[]> {
  const { rows } = await sql<CheckTarget>`
    with due as (
      select proxy_id from proxy_status
      where next_check_time <= clock_timestamp()
      order by next_check_time limit ${limit} for update skip locked
    ),
    claimed as (
      update proxy_status set next_check_time = clock_timestamp() + ${claimMs} * interval '1 ms'
      from due where proxy_status.proxy_id = due.proxy_id
      returning proxy_status.proxy_id
    )
    select ${targetColumns} from claimed join proxies using (proxy_id)`.execute(database.kysely);
  return rows;
}

/**
 * Notes what a look found, with its event when the proxy came or went. Nothing is noted of a proxy that is gone,
 * or is dialled otherwise by now.
 */
export async function recordFinding(
  registry: Pick<Registry, 'database' | 'random' | 'wakeRelay'>,
  target: CheckTarget,
  finding: Finding,
  everyMs: number,
): Promise<void> {
  const turned = await transaction(registry.database, async (trx) => {
    const { rows } = await sql<{ state: ProxyState; failures: number }>`
      select proxy_status.state, proxy_status.failures
      from proxy_status join proxies using (proxy_id)
      where proxy_id = ${target.proxy_id}::uuid and proxies.dial_revision = ${target.dial_revision}
      for update of proxy_status`.execute(trx);
    const [before] = rows;
    if (!before) return undefined;
    const failures = finding.state === ProxyState.DOWN ? before.failures + 1 : 0;
    const event = turnedTo(before.state, finding.state);
    const { rows: noted } = await sql<{ event_sequence: bigint; occur_time: Date }>`
      update proxy_status set state = ${finding.state}, state_reason = ${finding.reason},
        latency_ms = ${finding.latencyMs}, exit_address = ${finding.exitAddress}, check_time = clock_timestamp(), failures = ${failures},
        next_check_time = clock_timestamp()
          + ${nextCheckMs(failures, everyMs, registry.random)} * interval '1 ms',
        event_sequence = event_sequence + ${event ? 1 : 0}
      where proxy_id = ${target.proxy_id}::uuid
      returning event_sequence, clock_timestamp() as occur_time`.execute(trx);
    if (!event) return undefined;
    const { proxy_id: proxyId } = target;
    const payload =
      event === 'proxyUp'
        ? ({ case: event, value: { proxyId } } as const)
        : ({ case: event, value: { proxyId, reason: finding.reason } } as const);
    await appendEvents(trx, [proxyEvent({ ...target, ...noted[0]! }, payload)]);
    return event;
  });
  if (turned) registry.wakeRelay();
}

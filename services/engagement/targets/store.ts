import { randomUUIDv7 } from 'node:crypto';
import { sql, type QueryExecutorProvider } from 'kysely';
import { transaction } from '#lib/postgres/transaction.ts';
import { QuotaExceeded } from '#lib/rpc/errors.ts';
import { appendAudit } from '../audit.ts';
import { pauseCampaigns } from '../campaigns/pausing.ts';
import type { Engagement } from '../engagement.ts';
import { tellEvents } from '../events.ts';
import type { TargetState } from '../model.ts';
import type { EngagementTransaction } from '../tables.ts';
import type { SeenChannel } from './model.ts';
import type { Finding } from './verify.ts';

export interface TargetRow {
  readonly target_id: string;
  readonly ordinal: bigint;
  readonly tenant_id: string;
  readonly environment: string;
  readonly channel: string;
  readonly title: string;
  readonly username: string;
  readonly linked_group: string;
  readonly allowed_reactions: readonly string[];
  readonly all_reactions: boolean;
  readonly state: TargetState;
  readonly state_reason: string;
  readonly admin_account_id: string;
  readonly verify_time: Date;
  readonly create_time: Date;
}

const COLUMNS = sql.raw(
  'target_id, ordinal, tenant_id, environment, channel, title, username, linked_group, allowed_reactions, ' +
    'all_reactions, state, state_reason, admin_account_id, verify_time, create_time',
);

/** The most targets of a tenant. */
const MOST_TARGETS = 1_000;
/** After an answer that said nothing. */
const ASK_AGAIN_MS = 60_000;

export async function findTarget(
  executor: QueryExecutorProvider,
  tenantId: string,
  targetId: string,
): Promise<TargetRow | undefined> {
  const { rows } = await sql<TargetRow>`
    select ${COLUMNS} from targets where tenant_id = ${tenantId} and target_id = ${targetId}`.execute(
    executor,
  );
  return rows[0];
}

export async function listTargets(
  executor: QueryExecutorProvider,
  { tenantId, state, after, limit }: { tenantId: string; state?: TargetState; after: bigint; limit: number },
): Promise<TargetRow[]> {
  const { rows } = await sql<TargetRow>`
    select ${COLUMNS} from targets
    where tenant_id = ${tenantId} and ordinal > ${after}
      and ${state === undefined ? sql`true` : sql`state = ${state}`}
    order by ordinal limit ${limit}`.execute(executor);
  return rows;
}

/** In the same transaction nothing can make it lapse, nor a campaign of it run that should not. */
export async function lockTarget(trx: EngagementTransaction, targetId: string): Promise<TargetRow> {
  const { rows } = await sql<TargetRow>`
    select ${COLUMNS} from targets where target_id = ${targetId} for share`.execute(trx);
  return rows[0]!;
}

/** Registers what was found, or notes it anew: a channel is a tenant's target once. */
export function keepVerified(
  engagement: Engagement,
  tenantId: string,
  subject: string,
  found: Finding & { kind: 'verified' },
): Promise<TargetRow> {
  const { environment, verifyEveryMs } = engagement.settings;
  return transaction(engagement.database, async (trx) => {
    await sql`select pg_advisory_xact_lock(hashtextextended(${`telegate targets ${tenantId}`}, 0))`.execute(
      trx,
    );
    const { channel } = found.seen;
    const { rows: known } = await sql<{ target_id: string }>`
      select target_id from targets
      where tenant_id = ${tenantId} and environment = ${environment} and channel = ${channel}`.execute(trx);
    if (known[0]) return applyVerified(engagement, trx, known[0].target_id, subject, found);
    const { rows: counted } = await sql<{ count: number }>`
      select count(*)::int as count from targets where tenant_id = ${tenantId}`.execute(trx);
    if (counted[0]!.count >= MOST_TARGETS)
      throw new QuotaExceeded('targets', `The tenant has ${MOST_TARGETS} targets, which is the most.`);
    const { seen, accountId } = found;
    const targetId = randomUUIDv7();
    const { rows } = await sql<TargetRow>`
      insert into targets (target_id, tenant_id, environment, channel, title, username, linked_group,
        allowed_reactions, all_reactions, state, admin_account_id, verify_time, next_verify_time)
      values (${targetId}, ${tenantId}, ${environment}, ${channel}, ${seen.title}, ${seen.username},
        ${seen.linkedGroup}, ${[...seen.allowedReactions]}, ${seen.allReactions}, 'verified', ${accountId},
        clock_timestamp(), clock_timestamp() + ${verifyEveryMs} * interval '1 millisecond')
      returning ${COLUMNS}`.execute(trx);
    await tellTarget(trx, rows[0]!);
    await appendAudit(trx, [
      { tenantId, subject, action: 'register_target', targetId, accountId, detail: { channel } },
    ]);
    return rows[0]!;
  });
}

/** Notes what asking about a target found; one that lapses pauses its campaigns in the same transaction. */
export function keepFinding(
  engagement: Engagement,
  targetId: string,
  subject: string,
  finding: Finding,
): Promise<TargetRow> {
  return transaction(engagement.database, (trx) => {
    switch (finding.kind) {
      case 'verified':
        return applyVerified(engagement, trx, targetId, subject, finding);
      case 'nobody':
        return applyLapse(engagement, trx, targetId, subject, finding.why);
      case 'unknown':
        return applyUnknown(engagement, trx, targetId, subject, finding.why);
    }
  });
}

/** From the database's now: sooner while a campaign runs in it. */
function nextVerify({ settings }: Engagement, targetId: string): ReturnType<typeof sql> {
  const { verifyEveryMs, verifyWhileRunningMs } = settings;
  return sql`clock_timestamp() + interval '1 millisecond' * case
    when exists (select from campaigns where campaigns.target_id = ${targetId} and campaigns.state = 'running')
    then ${Math.min(verifyEveryMs, verifyWhileRunningMs)}::float8 else ${verifyEveryMs}::float8 end`;
}

async function applyVerified(
  engagement: Engagement,
  trx: EngagementTransaction,
  targetId: string,
  subject: string,
  { accountId, seen }: { accountId: string; seen: SeenChannel },
): Promise<TargetRow> {
  const before = await lockForChange(trx, targetId);
  const { rows } = await sql<TargetRow>`
    update targets set title = ${seen.title}, username = ${seen.username}, linked_group = ${seen.linkedGroup},
      allowed_reactions = ${[...seen.allowedReactions]}, all_reactions = ${seen.allReactions}, state = 'verified',
      state_reason = '', admin_account_id = ${accountId}, verify_time = clock_timestamp(),
      next_verify_time = ${nextVerify(engagement, targetId)}
    where target_id = ${targetId} returning ${COLUMNS}`.execute(trx);
  const row = rows[0]!;
  if (before.state === 'verified') return row;
  await tellTarget(trx, row);
  await appendAudit(trx, [
    { tenantId: row.tenant_id, subject, action: 'verify_target', targetId, accountId },
  ]);
  return row;
}

async function applyLapse(
  engagement: Engagement,
  trx: EngagementTransaction,
  targetId: string,
  subject: string,
  why: string,
): Promise<TargetRow> {
  const before = await lockForChange(trx, targetId);
  const { rows } = await sql<TargetRow>`
    update targets set state = 'lapsed', state_reason = ${why}, next_verify_time = ${nextVerify(engagement, targetId)}
    where target_id = ${targetId} returning ${COLUMNS}`.execute(trx);
  const row = rows[0]!;
  const reason = `no account of the tenant administers the channel any longer (${why})`;
  await pauseCampaigns(trx, { targetId }, { cause: 'target_lapsed', reason, subject });
  if (before.state === 'lapsed') return row;
  await tellTarget(trx, row);
  await appendAudit(trx, [
    { tenantId: row.tenant_id, subject, action: 'lapse_target', targetId, detail: { why } },
  ]);
  return row;
}

/** What nobody could be asked about for two rounds has lapsed: rights are proven, not remembered. */
async function applyUnknown(
  engagement: Engagement,
  trx: EngagementTransaction,
  targetId: string,
  subject: string,
  why: string,
): Promise<TargetRow> {
  await lockForChange(trx, targetId);
  const { verifyEveryMs } = engagement.settings;
  const { rows } = await sql<TargetRow & { stale: boolean }>`
    update targets set state_reason = case when state = 'lapsed' then state_reason
        else ${`Telegram could not be asked lately: ${why}`} end,
      next_verify_time = clock_timestamp()
        + ${Math.min(ASK_AGAIN_MS, verifyEveryMs)}::float8 * interval '1 millisecond'
    where target_id = ${targetId}
    returning ${COLUMNS},
      verify_time < clock_timestamp() - ${2 * verifyEveryMs}::float8 * interval '1 millisecond' as stale
  `.execute(trx);
  const row = rows[0]!;
  if (row.state === 'lapsed' || !row.stale) return row;
  return applyLapse(
    engagement,
    trx,
    targetId,
    subject,
    `Telegram could not be asked since ${row.verify_time.toISOString()}: ${why}`,
  );
}

async function lockForChange(trx: EngagementTransaction, targetId: string): Promise<{ state: TargetState }> {
  const { rows } = await sql<{ state: TargetState }>`
    select state from targets where target_id = ${targetId} for update`.execute(trx);
  return rows[0]!;
}

function tellTarget(trx: EngagementTransaction, row: TargetRow): Promise<void> {
  const { tenant_id: tenantId, target_id: targetId, state, state_reason: reason } = row;
  return tellEvents(trx, [
    { tenantId, entityId: targetId, payload: { case: 'targetChanged', value: { targetId, state, reason } } },
  ]);
}

/** Of the targets that are due, at most so many, each for this process alone until `claimMs` have passed. */
export async function claimDueTargets(
  { database, settings }: Engagement,
  limit: number,
  claimMs: number,
): Promise<TargetRow[]> {
  const { rows } = await sql<TargetRow>`
    update targets set next_verify_time = clock_timestamp() + ${claimMs}::float8 * interval '1 millisecond'
    where target_id in (
      select target_id from targets
      where next_verify_time <= clock_timestamp() and environment = ${settings.environment}
      order by next_verify_time limit ${limit} for update skip locked
    )
    returning ${COLUMNS}`.execute(database.kysely);
  return rows;
}

/** A process that starts trusts nothing that was not asked within the last minute. */
export async function verifyAllSoon({ database, settings }: Engagement): Promise<void> {
  await sql`
    update targets set next_verify_time = clock_timestamp()
    where environment = ${settings.environment} and next_verify_time > clock_timestamp()
      and verify_time < clock_timestamp() - interval '1 minute'`.execute(database.kysely);
}

/** What an account administered is to be looked at now. */
export async function verifySoon(trx: QueryExecutorProvider, adminAccountId: string): Promise<void> {
  await sql`
    update targets set next_verify_time = clock_timestamp()
    where admin_account_id = ${adminAccountId} and next_verify_time > clock_timestamp()`.execute(trx);
}

/** A campaign runs in it from now on. Not in that campaign's transaction, which holds the target for others too. */
export async function watchClosely({ database, settings }: Engagement, targetId: string): Promise<void> {
  await sql`
    update targets set next_verify_time = least(next_verify_time,
      clock_timestamp() + ${settings.verifyWhileRunningMs}::float8 * interval '1 millisecond')
    where target_id = ${targetId}`.execute(database.kysely);
}

import { sql, type QueryExecutorProvider, type SqlBool } from 'kysely';
import type { ActionKind, ActionState } from '../model.ts';

export interface ActionFilter {
  readonly tenantId: string;
  readonly campaignId: string | undefined;
  readonly accountId: string | undefined;
  readonly state: ActionState | undefined;
  readonly postId: bigint | undefined;
}

export interface ActionRow {
  readonly action_id: string;
  readonly ordinal: bigint;
  readonly campaign_id: string;
  readonly target_id: string;
  readonly account_id: string;
  readonly post_id: bigint;
  readonly kind: ActionKind;
  readonly state: ActionState;
  readonly reason: string;
  readonly attempts: number;
  readonly content: string;
  readonly message_id: bigint;
  readonly due_time: Date;
  readonly start_time: Date | null;
  readonly end_time: Date | null;
  readonly trace_id: string;
  /** As `due_time`, with all its digits. */
  readonly due_micros: string;
}

/** Behind which action the page begins. */
export interface After {
  readonly dueMicros: string;
  readonly ordinal: string;
}

/** By due time. One that is put off while somebody reads may be seen again further on. */
export async function listActions(
  executor: QueryExecutorProvider,
  filter: ActionFilter,
  after: After | undefined,
  limit: number,
): Promise<ActionRow[]> {
  const { tenantId, campaignId, accountId, state, postId } = filter;
  const conditions = [sql<SqlBool>`tenant_id = ${tenantId}`];
  if (campaignId !== undefined) conditions.push(sql`campaign_id = ${campaignId}`);
  if (accountId !== undefined) conditions.push(sql`account_id = ${accountId}`);
  if (state !== undefined) conditions.push(sql`state = ${state}`);
  if (postId !== undefined) conditions.push(sql`post_id = ${postId}`);
  if (after)
    conditions.push(
      sql`(due_time, ordinal) > (timestamptz 'epoch' + ${after.dueMicros}::bigint * interval '1 microsecond', ${after.ordinal}::bigint)`,
    );
  const { rows } = await sql<ActionRow>`
    select action_id, ordinal, campaign_id, target_id, account_id, post_id, kind, state, reason, attempts, content,
      message_id, due_time, start_time, end_time, trace_id,
      (extract(epoch from due_time) * 1000000)::bigint::text as due_micros
    from actions where ${sql.join(conditions, sql` and `)}
    order by due_time, ordinal limit ${limit}`.execute(executor);
  return rows;
}

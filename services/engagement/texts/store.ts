import { sql } from 'kysely';
import { transaction } from '#lib/postgres/transaction.ts';
import type { EngagementDatabase } from '../tables.ts';
import { VariantsSpent } from './errors.ts';
import { likenessHash } from './likeness.ts';
import type { Variants } from './variants.ts';

export interface TextOwner {
  readonly tenantId: string;
  readonly campaignId: string;
  readonly actionId: string;
}

type Executor = Parameters<ReturnType<typeof sql>['execute']>[0];

/** The text that this action has already: it keeps it through kills and repeats. */
export async function textOf(executor: Executor, actionId: string): Promise<string | undefined> {
  const { rows } = await sql<{ body: string }>`
    select body from comment_texts where action_id = ${actionId}::uuid`.execute(executor);
  return rows[0]?.body;
}

/** Newest first. */
export async function textsOf(executor: Executor, campaignId: string, most: number): Promise<string[]> {
  const { rows } = await sql<{ body: string }>`
    select body from comment_texts where campaign_id = ${campaignId}::uuid
    order by create_time desc limit ${most}`.execute(executor);
  return rows.map(({ body }) => body);
}

/** Answers the action's text: this one, or the one it had before; undefined where the campaign has one like it. */
export async function keepText(
  executor: Executor,
  owner: TextOwner,
  body: string,
): Promise<string | undefined> {
  const { rows } = await sql<{ body: string }>`
    with kept as (
      insert into comment_texts (action_id, tenant_id, campaign_id, likeness, body)
      values (${owner.actionId}::uuid, ${owner.tenantId}::uuid, ${owner.campaignId}::uuid, ${likenessHash(body)}, ${body})
      on conflict do nothing
      returning body
    )
    select body from kept
    union all
    select body from comment_texts where action_id = ${owner.actionId}::uuid`.execute(executor);
  return rows[0]?.body;
}

/** So many in a row that are like others are taken for the end. */
const LOOKED_AT = 1_000n;

/** The next variant that is like no text of the campaign, kept as the action's in the same transaction. */
export function keepNextVariant(
  database: EngagementDatabase,
  owner: TextOwner,
  variants: Variants,
): Promise<string> {
  return transaction(database, async (trx) => {
    const { campaignId, actionId } = owner;
    // The row is locked until the commit: turns are taken one after the other, and given back by a rollback.
    const { rows } = await sql<{ taken: bigint; before: string | null }>`
      insert into template_turns (campaign_id, taken) values (${campaignId}::uuid, 0)
      on conflict (campaign_id) do update set taken = template_turns.taken
      returning taken, (select body from comment_texts where action_id = ${actionId}::uuid) as before`.execute(
      trx,
    );
    const { taken: from, before } = rows[0]!;
    if (before !== null) return before;
    for (let turn = from; turn < variants.total && turn < from + LOOKED_AT; turn += 1n) {
      const variant = variants.at(turn);
      const kept = await keepText(trx, owner, variant);
      if (kept === undefined) continue;
      // Kept by somebody else while this one waited for its turn.
      if (kept !== variant) return kept;
      await sql`
        update template_turns set taken = ${turn + 1n} where campaign_id = ${campaignId}::uuid`.execute(trx);
      return kept;
    }
    throw new VariantsSpent(variants.total);
  });
}

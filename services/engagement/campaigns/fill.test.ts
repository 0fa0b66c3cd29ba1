import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '#lib/lifecycle/clock.ts';
import type { Engagement } from '../engagement.ts';
import { DEFAULTS } from '../limits.ts';
import { openTestTables, quiet, type TestTables } from '../test-engagement.ts';
import { claimCampaigns, planPosts, refillCampaign } from './begin.ts';
import { readCounts } from './counts.ts';
import type { CampaignPlan } from '../model.ts';
import { dropAccount } from '../actions/end.ts';
import { transaction } from '#lib/postgres/transaction.ts';

let tables: TestTables;
let engagement: Engagement;

const plan: CampaignPlan = {
  posts: { by: 'latest', count: 50 },
  conditions: { contains: [], excludes: [], media: 'any', minAgeMs: 0, maxAgeMs: 0, author: '' },
  accounts: { accountIds: [], labels: {}, maxCount: 0 },
  pace: { intervalMs: 60_000, variation: 0.2 },
  reactions: [
    { emoji: '👍', weight: 3 },
    { emoji: '🔥', weight: 1 },
  ],
};

beforeAll(async () => {
  tables = await openTestTables();
  const unasked = new Proxy({}, { get: () => () => Promise.reject(new Error('nobody is asked')) });
  engagement = {
    database: tables.database,
    messaging: unasked as Engagement['messaging'],
    accounts: unasked as Engagement['accounts'],
    texts: unasked as Engagement['texts'],
    clock: systemClock,
    random: Math.random,
    log: quiet,
    settings: {
      environment: 'local',
      limits: { ...DEFAULTS, postCeiling: 1_000 },
      verifyEveryMs: 60_000,
      verifyWhileRunningMs: 60_000,
      newPostsEveryMs: 60_000,
    },
    wakeRelay: () => undefined,
  };
});
afterAll(() => tables.close());

/** As whoever began it left it, with no action written. */
async function begun(accounts: number, posts: number): Promise<{ campaignId: string; accountIds: string[] }> {
  const { kysely } = tables.database;
  const [tenant, target, campaignId] = [randomUUIDv7(), randomUUIDv7(), randomUUIDv7()];
  const accountIds = Array.from({ length: accounts }, () => randomUUIDv7());
  const channel = `channel:${Math.trunc(performance.now() * 1_000)}`;
  await sql`
    insert into targets (target_id, tenant_id, environment, channel, title, username, linked_group, allowed_reactions,
      all_reactions, state, admin_account_id, verify_time, next_verify_time)
    values (${target}, ${tenant}, 'local', ${channel}, '', '', '', '{}', true, 'verified', ${accountIds[0]}, now(), now())
  `.execute(kysely);
  await sql`
    insert into campaigns (campaign_id, tenant_id, owner, target_id, channel, kind, plan, state, start_time, post_ids,
      claim_time)
    values (${campaignId}, ${tenant}, 'key:test', ${target}, ${channel}, 'reaction', ${JSON.stringify(plan)}, 'running',
      now(), (select array_agg(id) from generate_series(1, ${posts}) as id), now() - interval '1 second')`.execute(
    kysely,
  );
  await sql`
    insert into campaign_accounts (campaign_id, account_id)
    select ${campaignId}, unnest(${accountIds}::uuid[])`.execute(kysely);
  return { campaignId, accountIds };
}

async function plannedOf(campaignId: string): Promise<number | undefined> {
  return (await readCounts(tables.database.kysely, [campaignId])).get(campaignId)?.planned;
}

test('a hundred accounts and fifty posts are planned within five seconds, each with its job', async () => {
  const { campaignId } = await begun(100, 50);
  const [row] = await claimCampaigns(engagement, 'to_fill', 8);
  const started = performance.now();
  await refillCampaign(engagement, row!, new AbortController().signal);
  expect(performance.now() - started).toBeLessThan(5_000);
  expect(await plannedOf(campaignId)).toBe(5_000);
  const { rows } = await sql<{ jobs: number; queues: number; drawn: number; first: Date }>`
    select count(*)::int as jobs, count(distinct job_queue_id)::int as queues,
      count(*) filter (where content = '👍')::int as drawn
    from actions join engagement_jobs._private_jobs on key = action_id::text and run_at = due_time
    where campaign_id = ${campaignId}`.execute(tables.database.kysely);
  expect(rows[0]).toMatchObject({ jobs: 5_000, queues: 100 });
  expect(rows[0]!.drawn / 5_000).toBeCloseTo(0.75, 1);
});

test('what a process left half planned is planned by the next, nothing twice', async () => {
  const { campaignId, accountIds } = await begun(10, 20);
  const [row] = await claimCampaigns(engagement, 'to_fill', 8);
  // A claim keeps others away.
  expect(await claimCampaigns(engagement, 'to_fill', 8)).toEqual([]);
  await planPosts(
    engagement,
    row!,
    Array.from({ length: 7 }, (_, index) => ({ postId: BigInt(index + 1), notBeforeMs: 0 })),
  );
  expect(await plannedOf(campaignId)).toBe(70);
  await transaction(tables.database, (trx) =>
    dropAccount(
      trx,
      {
        tenantId: row!.tenant_id,
        campaignId,
        targetId: row!.target_id,
        accountId: accountIds[0]!,
      },
      'the account must log in again',
    ),
  );
  await refillCampaign(engagement, row!, new AbortController().signal);
  // Who was dropped gets nothing new, and nobody gets what it had.
  expect(await plannedOf(campaignId)).toBe(9 * 20);
  const { rows } = await sql<{ gap: number }>`
    select min(gap)::float8 as gap from (
      select extract(epoch from due_time - lag(due_time) over (partition by account_id order by due_time)) as gap
      from actions where campaign_id = ${campaignId}
    ) as gaps`.execute(tables.database.kysely);
  expect(rows[0]!.gap).toBeGreaterThanOrEqual(60 - 0.002);
});

test('an action that ended is published as its own, with its end', async () => {
  const events = await tables.events();
  const ended = events.filter(({ payload }) => payload.case === 'actionEnded');
  expect(ended).toHaveLength(7);
  expect(new Set(ended.map(({ entityId }) => entityId)).size).toBe(7);
  expect(new Set(ended.map(({ sequence }) => sequence))).toEqual(new Set([1n]));
});

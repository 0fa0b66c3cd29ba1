import { randomUUIDv7 } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EventSchema } from '#gen/telegate/events/v1/events_pb.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { openTestTables, type TestTables } from '../test-engagement.ts';
import { dropEverywhere, goneOf } from './account-events.ts';
import { addActionJobs } from './jobs.ts';
import { listActions } from './list.ts';

let tables: TestTables;
beforeAll(async () => {
  tables = await openTestTables();
});
afterAll(() => tables.close());

const accountId = randomUUIDv7();
const event = (payload: Parameters<typeof create<typeof EventSchema>>[1]) => create(EventSchema, payload);

test.each([
  [{ case: 'accountBanned', value: { accountId } }, 'Telegram banned the account'],
  [{ case: 'accountDeleted', value: { accountId } }, 'the account was deleted'],
  [{ case: 'sessionUpdated', value: { accountId, paused: true } }, 'the account was paused'],
  [{ case: 'sessionUpdated', value: { accountId, paused: false } }, undefined],
  [{ case: 'accountNeedsLogin', value: { accountId: 'none' } }, undefined],
] as const)('%j', (payload, reason) => {
  expect(goneOf(event({ payload }))?.reason).toBe(reason);
});

async function campaign(tenantId: string, state: string, accounts: readonly string[]): Promise<string> {
  const [target, campaignId] = [randomUUIDv7(), randomUUIDv7()];
  await transaction(tables.database, async (trx) => {
    await sql`
      insert into targets (target_id, tenant_id, environment, channel, title, username, linked_group,
        allowed_reactions, all_reactions, state, admin_account_id, verify_time, next_verify_time)
      values (${target}, ${tenantId}, 'local', ${`channel:${Math.ceil(Math.random() * 1e9)}`}, '', '', '', '{}', true,
        'verified', ${randomUUIDv7()}, now(), now())`.execute(trx);
    await sql`
      insert into campaigns (campaign_id, tenant_id, owner, target_id, channel, kind, plan, state, start_time)
      values (${campaignId}, ${tenantId}, 'key:test', ${target}, 'channel:1', 'view', '{}', ${state}, now())`.execute(
      trx,
    );
    for (const account of accounts) {
      await sql`
        insert into campaign_accounts (campaign_id, account_id) values (${campaignId}, ${account})`.execute(
        trx,
      );
      const { rows } = await sql<{ action_id: string }>`
        insert into actions (action_id, tenant_id, campaign_id, target_id, channel, account_id, post_id, kind, due_time)
        select gen_random_uuid(), ${tenantId}, ${campaignId}, ${target}, 'channel:1', ${account}, post, 'view',
          now() + post * interval '1 minute'
        from generate_series(1, 5) as post returning action_id`.execute(trx);
      await addActionJobs(
        trx,
        rows.map(({ action_id: actionId }) => ({ actionId, accountId: account, dueTime: new Date() })),
      );
    }
  });
  return campaignId;
}

test('an account that is gone leaves what has not ended, with a note, and its jobs go', async () => {
  const tenantId = randomUUIDv7();
  const other = randomUUIDv7();
  const running = await campaign(tenantId, 'running', [accountId, other]);
  const ended = await campaign(tenantId, 'done', [accountId]);
  const foreign = await campaign(randomUUIDv7(), 'running', [accountId]);
  const gone = { accountId, reason: 'Telegram banned the account' };
  await transaction(tables.database, (trx) => dropEverywhere(trx, tenantId, gone));
  await transaction(tables.database, (trx) => dropEverywhere(trx, tenantId, gone));
  const { kysely } = tables.database;
  const { rows: notes } = await sql`
    select campaign_id, account_id from campaign_accounts where drop_reason = ${gone.reason}`.execute(kysely);
  expect(notes).toEqual([{ campaign_id: running, account_id: accountId }]);
  const { rows: skipped } = await sql`
    select campaign_id, account_id, count(*)::integer as count from actions where state = 'skipped' group by 1, 2`.execute(
    kysely,
  );
  expect(skipped).toEqual([{ campaign_id: running, account_id: accountId, count: 5 }]);
  const { rows: jobs } =
    await sql`select count(*)::integer as count from engagement_jobs._private_jobs`.execute(kysely);
  expect(jobs).toEqual([{ count: 15 }]);
  const events = (await tables.events()).flatMap(({ payload }) =>
    payload.case === 'actionEnded' ? [payload.value] : [],
  );
  expect(events).toHaveLength(5);
  expect(events[0]).toMatchObject({ outcome: 'skipped', reason: gone.reason, kind: 'view', accountId });
  const { rows: audit } = await sql`select action from audit`.execute(kysely);
  expect(audit).toEqual([{ action: 'drop_account' }]);
  expect([ended, foreign]).toHaveLength(2);
});

test('actions are listed by due time, page by page, of the tenant and as filtered', async () => {
  const tenantId = randomUUIDv7();
  const [one, two] = [randomUUIDv7(), randomUUIDv7()];
  const campaignId = await campaign(tenantId, 'running', [one, two]);
  const { kysely } = tables.database;
  const all = { tenantId, campaignId: undefined, accountId: undefined, state: undefined, postId: undefined };
  const seen: string[] = [];
  let after: { dueMicros: string; ordinal: string } | undefined;
  for (;;) {
    const page = await listActions(kysely, all, after, 3);
    seen.push(...page.map(({ action_id: id }) => id));
    const last = page.at(-1);
    if (!last) break;
    after = { dueMicros: last.due_micros, ordinal: String(last.ordinal) };
  }
  expect(seen).toHaveLength(10);
  expect(new Set(seen).size).toBe(10);
  const count = async (filter: object): Promise<number> =>
    (await listActions(kysely, { ...all, ...filter }, undefined, 100)).length;
  expect(await count({ accountId: one })).toBe(5);
  expect(await count({ campaignId, postId: 3n })).toBe(2);
  expect(await count({ state: 'done' })).toBe(0);
  expect(await count({ tenantId: randomUUIDv7() })).toBe(0);
  const times = (await listActions(kysely, all, undefined, 100)).map(({ due_time: due }) => due.getTime());
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

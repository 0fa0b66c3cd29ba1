import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestTables, type TestTables } from '../test-engagement.ts';

let tables: TestTables;
beforeAll(async () => {
  tables = await openTestTables();
});
afterAll(() => tables.close());

test('the counts of a campaign follow every change of its actions, whoever makes it', async () => {
  const { kysely } = tables.database;
  const [tenant, target, campaign] = [randomUUIDv7(), randomUUIDv7(), randomUUIDv7()];
  await sql`
    insert into targets (target_id, tenant_id, environment, channel, title, username, linked_group, allowed_reactions,
      all_reactions, state, admin_account_id, verify_time, next_verify_time)
    values (${target}, ${tenant}, 'local', 'channel:1', '', '', '', '{}', true, 'verified', ${randomUUIDv7()}, now(), now())
  `.execute(kysely);
  await sql`
    insert into campaigns (campaign_id, tenant_id, owner, target_id, channel, kind, plan, state, start_time)
    values (${campaign}, ${tenant}, 'key:test', ${target}, 'channel:1', 'view', '{}', 'running', now())`.execute(
    kysely,
  );
  await sql`
    insert into actions (action_id, tenant_id, campaign_id, target_id, channel, account_id, post_id, kind, due_time)
    select gen_random_uuid(), ${tenant}, ${campaign}, ${target}, 'channel:1', gen_random_uuid(), post, 'view', now()
    from generate_series(1, 100) as post`.execute(kysely);
  const counts = async (): Promise<unknown> => {
    const { rows } = await sql`
      select sum(planned)::int as planned, sum(running)::int as running, sum(done)::int as done,
        sum(failed)::int as failed, sum(skipped)::int as skipped
      from action_counts where campaign_id = ${campaign}`.execute(kysely);
    return rows[0];
  };
  expect(await counts()).toEqual({ planned: 100, running: 0, done: 0, failed: 0, skipped: 0 });
  await sql`update actions set due_time = now()`.execute(kysely);
  await sql`update actions set state = 'running' where post_id <= 10`.execute(kysely);
  await sql`update actions set state = case when post_id <= 4 then 'done' else 'failed' end where state = 'running'`.execute(
    kysely,
  );
  await sql`update actions set state = 'skipped' where post_id > 90`.execute(kysely);
  expect(await counts()).toEqual({ planned: 80, running: 0, done: 4, failed: 6, skipped: 10 });
});

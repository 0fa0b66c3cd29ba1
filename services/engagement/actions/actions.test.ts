import { create } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { FaultSpecSchema } from '#gen/telegate/local_telegram/v1/faults_pb.ts';
import { CallOutcome } from '#gen/telegate/local_telegram/v1/log_pb.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { startTelemetry } from '#lib/telemetry/sdk.ts';
import type { TestSession } from '../../../tests/support/messaging.ts';
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '../../../tests/support/otlp.ts';
import type { CallRecord } from '../../local-telegram/log.ts';
import type { Actions } from './actions.ts';
import { addActionJobs } from './jobs.ts';
import { openTestActing, type TestActing, type TestChannel } from './test-acting.ts';

let receiver: OtlpReceiver;
let telemetry: ReturnType<typeof startTelemetry>;
let acting: TestActing;
let worker: Actions | undefined;
let channel: TestChannel;
let accounts: TestSession[];

beforeAll(async () => {
  receiver = await startOtlpReceiver();
  for (const [name, value] of Object.entries(receiver.env)) vi.stubEnv(name, value);
  telemetry = startTelemetry({ service: 'engagement', version: '1', env: receiver.env });
  acting = await openTestActing(receiver.env);
});
beforeEach(async () => {
  [channel, accounts] = await Promise.all([acting.channel(4), acting.accounts(3)]);
});
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});
afterAll(async () => {
  await acting.close();
  await telemetry.shutdown();
  await receiver.close();
  vi.unstubAllEnvs();
});

const WAIT = { timeout: 30_000, interval: 50 };

async function reach(campaignId: string, states: Record<string, number>): Promise<void> {
  await expect.poll(() => acting.states(campaignId), WAIT).toEqual(states);
}

const sends = (): CallRecord[] => acting.calls('messages.sendMessage', 'messages.sendReaction');

/** Of one account, by when they began. */
const sendsOf = ({ account }: TestSession): CallRecord[] =>
  sends().filter(({ accountId, outcome }) => accountId === account.id && outcome !== CallOutcome.ERROR);

function commentsIn({ groupId }: TestChannel): string[] {
  const group = acting.mesh.telegram.telegram.world.state.channels.get(Number(groupId))!;
  return group.messages.flatMap(({ deleted, threadId, content }) =>
    !deleted && threadId !== 0 ? [content.text] : [],
  );
}

/** Calls of one account that were under way together. */
function overlaps(calls: readonly CallRecord[]): number {
  let found = 0;
  for (const [, own] of Map.groupBy(calls, ({ accountId }) => accountId)) {
    const ordered = own.toSorted((a, b) => a.startTime - b.startTime);
    ordered.forEach((call, index) => {
      if (index > 0 && call.startTime < ordered[index - 1]!.endTime!) found += 1;
    });
  }
  return found;
}

function gapsOf(calls: readonly CallRecord[]): number[] {
  const times = calls.map(({ startTime }) => startTime).toSorted((a, b) => a - b);
  return times.slice(1).map((time, index) => time - times[index]!);
}

function failNext(account: TestSession, method: string, text: string): void {
  acting.mesh.telegram.telegram.faults.add(
    create(FaultSpecSchema, {
      scope: { accountIds: [String(account.account.id)], methods: [method] },
      count: 1,
      fault: { case: 'rpcError', value: { text } },
    }),
  );
}

const setState = (campaignId: string, state: string) =>
  sql`update campaigns set state = ${state} where campaign_id = ${campaignId}`.execute(
    acting.database.kysely,
  );

test('comments, reactions and views are done once each, an account at one thing at a time', async () => {
  const before = sends().length;
  const comments = await acting.campaign(channel, { kind: 'comment', accounts });
  const reactions = await acting.campaign(channel, { kind: 'reaction', accounts });
  const views = await acting.campaign(channel, {
    kind: 'view',
    accounts,
    plan: { view: { object: 'posts', parallelism: 3 } },
  });
  const readers = await acting.campaign(channel, {
    kind: 'view',
    accounts,
    plan: { view: { object: 'comments', parallelism: 2 } },
  });
  worker = acting.start();
  for (const { campaignId } of [comments, reactions, views, readers]) await reach(campaignId, { done: 12 });
  const texts = commentsIn(channel);
  expect(texts).toHaveLength(12);
  expect(new Set(texts).size).toBe(12);
  for (const text of texts) expect(text).toMatch(/\n\nAutomated, for the team of Example News\.$/);
  const sent = sends().slice(before);
  expect(sent).toHaveLength(24);
  expect(overlaps(sent)).toBe(0);
  expect(acting.mesh.telegram.telegram.log.counters.viewIncrements).toBe(0);
  expect(acting.calls('messages.getMessagesViews')).toEqual([]);
  for (const row of await acting.rows(comments.campaignId)) {
    expect(row.attempts).toBe(1);
    expect(row.message_id).toBeGreaterThan(0n);
  }
});

test('the trace of one action is one tree, down to Telegram, and links to its campaign', async () => {
  const created = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  const { campaignId } = await acting.campaign(channel, {
    kind: 'comment',
    accounts: accounts.slice(0, 1),
    postIds: channel.postIds.slice(0, 1),
  });
  await sql`update campaigns set traceparent = ${created} where campaign_id = ${campaignId}`.execute(
    acting.database.kysely,
  );
  worker = acting.start();
  await reach(campaignId, { done: 1 });
  const [row] = await acting.rows(campaignId);
  const mine = (): ReceivedSpan[] => receiver.spans().filter(({ traceId }) => traceId === row!.trace_id);
  await expect.poll(() => mine().some(({ name }) => name.includes('sendMessage')), WAIT).toBe(true);
  await expect.poll(() => mine().some(({ name }) => name === 'engagement act'), WAIT).toBe(true);
  // Each process sends its spans when it likes.
  const orphans = (): ReceivedSpan[] => {
    const known = new Set(mine().map(({ spanId }) => spanId));
    return mine().filter(({ parentSpanId }) => parentSpanId && !known.has(parentSpanId));
  };
  await expect.poll(orphans, WAIT).toEqual([]);
  const spans = mine();
  const roots = spans.filter(({ parentSpanId }) => !parentSpanId);
  expect(roots.map(({ name }) => name)).toEqual(['engagement act']);
  expect(roots[0]!.links.map(({ traceId }) => traceId)).toEqual(['a'.repeat(32)]);
  expect(new Set(spans.map(({ service }) => service))).toEqual(new Set(['engagement', 'messaging']));
});

test('gaps hold between the actions of an account over all campaigns, and on two replicas', async () => {
  const GAP = 700;
  const [one] = accounts;
  const first = await acting.campaign(channel, { kind: 'reaction', accounts: [one!] });
  const second = await acting.campaign(channel, {
    kind: 'comment',
    accounts: [one!],
    postIds: channel.postIds.slice(0, 2),
  });
  const limits = { accountGapMs: GAP };
  worker = acting.start({ limits });
  const other = acting.start({ limits });
  await reach(first.campaignId, { done: 4 });
  await reach(second.campaignId, { done: 2 });
  await other.stop();
  const gaps = gapsOf(sendsOf(one!));
  expect(gaps).toHaveLength(5);
  for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(GAP);
  // What was put off came up once or twice, not whenever another had its turn.
  for (const { attempts } of await acting.rows(first.campaignId)) expect(attempts).toBe(1);
});

test("an account's day and a channel's hour are full: the rest waits for its time, and is not failed", async () => {
  const daily = await acting.campaign(channel, { kind: 'reaction', accounts: accounts.slice(0, 1) });
  worker = acting.start({ limits: { accountDaily: 3 } });
  await reach(daily.campaignId, { done: 3, planned: 1 });
  await worker.stop();
  const rows = await acting.rows(daily.campaignId);
  const begun = rows.flatMap(({ state, start_time: start }) => (state === 'done' ? [start!.getTime()] : []));
  const left = rows.find(({ state }) => state === 'planned')!;
  const DAY = 86_400_000;
  expect(left.due_time.getTime()).toBeGreaterThanOrEqual(Math.min(...begun) + DAY);
  expect(left.due_time.getTime()).toBeLessThan(Math.min(...begun) + DAY + 2_000);

  const place = await acting.channel(4);
  const hourly = await acting.campaign(place, { kind: 'reaction', accounts });
  const replicas = [1, 2].map(() => acting.start({ limits: { targetHourly: 5 } }));
  await reach(hourly.campaignId, { done: 5, planned: 7 });
  const waiting = async (): Promise<number> => {
    const all = await acting.rows(hourly.campaignId);
    return all.filter(
      ({ due_time: due, state }) => state === 'planned' && due.getTime() > Date.now() + 3_500_000,
    ).length;
  };
  await expect.poll(waiting, WAIT).toBe(7);
  await Promise.all(replicas.map((replica) => replica.stop()));
  expect(await acting.states(hourly.campaignId)).toEqual({ done: 5, planned: 7 });
});

test('a post has had its share: the rest is left out with the reason', async () => {
  const [postId] = channel.postIds;
  const { campaignId } = await acting.campaign(channel, { kind: 'reaction', accounts, postIds: [postId!] });
  worker = acting.start({ limits: { postCeiling: 2 } });
  await reach(campaignId, { done: 2, skipped: 1 });
  const skipped = (await acting.rows(campaignId)).find(({ state }) => state === 'skipped')!;
  expect(skipped).toMatchObject({
    reason: expect.stringContaining('as many of these') as string,
    start_time: null,
  });
});

test('a flood wait moves all that the account does behind it, and nothing to another account', async () => {
  const [slow, quick] = accounts;
  acting.mesh.telegram.telegram.faults.add(
    create(FaultSpecSchema, {
      scope: { accountIds: [String(slow!.account.id)], methods: ['messages.sendReaction'] },
      count: 1,
      fault: { case: 'floodWait', value: { wait: { seconds: 3n } } },
    }),
  );
  const { campaignId } = await acting.campaign(channel, { kind: 'reaction', accounts: [slow!, quick!] });
  worker = acting.start();
  await expect.poll(() => sendsOf(quick!).length, WAIT).toBe(4);
  const asked = sends().find(({ accountId }) => accountId === slow!.account.id)!;
  expect(asked.errorText).toContain('FLOOD_WAIT');
  await reach(campaignId, { done: 8 });
  const later = sends().filter(({ accountId, id }) => accountId === slow!.account.id && id !== asked.id);
  expect(later).toHaveLength(4);
  for (const { startTime } of later) expect(startTime - asked.startTime).toBeGreaterThanOrEqual(3_000);
});

test('an account that is banned leaves the campaign with a note, and the others go on', async () => {
  const [banned, ...others] = accounts;
  failNext(banned!, 'messages.sendReaction', 'USER_DEACTIVATED_BAN');
  const { campaignId } = await acting.campaign(channel, { kind: 'reaction', accounts });
  worker = acting.start();
  await reach(campaignId, { done: 8, skipped: 4 });
  const skipped = (await acting.rows(campaignId)).filter(({ state }) => state === 'skipped');
  for (const row of skipped)
    expect(row).toMatchObject({ account_id: banned!.accountId, reason: 'Telegram banned the account' });
  const { rows: notes } = await sql`
    select account_id, drop_reason from campaign_accounts where campaign_id = ${campaignId} and drop_reason <> ''`.execute(
    acting.database.kysely,
  );
  expect(notes).toEqual([{ account_id: banned!.accountId, drop_reason: 'Telegram banned the account' }]);
  expect(others.map((other) => sendsOf(other).length)).toEqual([4, 4]);
});

test('a deleted post, a reaction that is not allowed, closed comments: left out, each with its reason', async () => {
  const [gone, ...posts] = channel.postIds;
  const { control } = acting.mesh.control;
  await control.deleteMessages({
    accountId: String(acting.owner.account.id),
    peer: { peer: { case: 'channelId', value: channel.channelId } },
    messageIds: [Number(gone)],
  });
  const comments = await acting.campaign(channel, {
    kind: 'comment',
    accounts: accounts.slice(0, 1),
    postIds: [gone!],
  });
  const views = await acting.campaign(channel, {
    kind: 'view',
    accounts: accounts.slice(0, 1),
    postIds: [gone!],
  });
  const reactions = await acting.campaign(channel, {
    kind: 'reaction',
    accounts: accounts.slice(0, 1),
    postIds: [gone!],
  });
  const odd = await acting.campaign(channel, {
    kind: 'reaction',
    accounts: accounts.slice(1, 2),
    postIds: posts.slice(0, 1),
    content: 'x',
  });
  worker = acting.start();
  const reasonOf = async ({ campaignId }: { campaignId: string }): Promise<string> => {
    await reach(campaignId, { skipped: 1 });
    return (await acting.rows(campaignId))[0]!.reason;
  };
  for (const campaign of [comments, views, reactions])
    expect(await reasonOf(campaign)).toBe('the post is gone');
  expect(await reasonOf(odd)).toBe('the channel does not allow this reaction');
  const closed = await acting.channel(1, { withoutComments: true });
  const silent = await acting.campaign(closed, { kind: 'comment', accounts: accounts.slice(2) });
  // What Telegram says of a post without a discussion, or messaging of a channel without a group.
  expect(await reasonOf(silent)).toMatch(/^(comments are closed|the post is gone)$/);
});

test('a channel that an account can not reach any more is asked about anew', async () => {
  const { kysely } = acting.database;
  const next = async (): Promise<number> => {
    const { rows } = await sql<{ next_verify_time: Date }>`
      select next_verify_time from targets where target_id = ${channel.targetId}`.execute(kysely);
    return rows[0]!.next_verify_time.getTime();
  };
  expect(await next()).toBeGreaterThan(Date.now());
  failNext(accounts[0]!, 'messages.sendReaction', 'CHANNEL_PRIVATE');
  const { campaignId } = await acting.campaign(channel, {
    kind: 'reaction',
    accounts: accounts.slice(0, 1),
    postIds: channel.postIds.slice(0, 1),
  });
  worker = acting.start();
  await reach(campaignId, { skipped: 1 });
  expect(await next()).toBeLessThanOrEqual(Date.now() + 1_000);
});

test('a pause holds from its commit, nothing spins or is lost, and it goes on', async () => {
  const { campaignId, actionIds } = await acting.campaign(channel, { kind: 'reaction', accounts });
  await setState(campaignId, 'paused');
  worker = acting.start();
  const jobs = async (): Promise<number> => {
    const { rows } = await sql<{ count: number }>`
      select count(*)::integer as count from engagement_jobs._private_jobs where key = any(${actionIds}::text[])`.execute(
      acting.database.kysely,
    );
    return rows[0]!.count;
  };
  await expect.poll(jobs, WAIT).toBe(0);
  expect(await acting.states(campaignId)).toEqual({ planned: 12 });
  await transaction(acting.database, async (trx) => {
    await sql`update campaigns set state = 'running' where campaign_id = ${campaignId}`.execute(trx);
    const rows = await acting.rows(campaignId);
    await addActionJobs(
      trx,
      rows.map(({ action_id: actionId, account_id: accountId, due_time: dueTime }) => ({
        actionId,
        accountId,
        dueTime,
      })),
    );
  });
  await reach(campaignId, { done: 12 });
});

test('a pause while it runs: what begins afterwards is nothing', async () => {
  const { campaignId } = await acting.campaign(channel, { kind: 'reaction', accounts });
  worker = acting.start({ limits: { accountGapMs: 300 } });
  await expect.poll(async () => (await acting.states(campaignId))['done'] ?? 0, WAIT).toBeGreaterThan(2);
  await setState(campaignId, 'paused');
  const pausedAt = Date.now();
  // Those under way end.
  await expect.poll(async () => (await acting.states(campaignId))['running'] ?? 0, WAIT).toBe(0);
  const { done } = await acting.states(campaignId);
  await expect.poll(() => Date.now() - pausedAt, WAIT).toBeGreaterThan(1_500);
  expect((await acting.states(campaignId))['done']).toBe(done);
  const late = sends().filter(({ startTime }) => startTime > pausedAt + 1_000);
  expect(late).toEqual([]);
});

test('jobs that got lost are found again', async () => {
  const { campaignId, actionIds } = await acting.campaign(channel, { kind: 'reaction', accounts });
  const { kysely } = acting.database;
  await sql`delete from engagement_jobs._private_jobs where key = any(${actionIds}::text[])`.execute(kysely);
  await sql`
    update actions set due_time = clock_timestamp() - interval '10 seconds' where campaign_id = ${campaignId}`.execute(
    kysely,
  );
  worker = acting.start();
  await expect.poll(() => acting.states(campaignId), WAIT).toEqual({ done: 12 });
});

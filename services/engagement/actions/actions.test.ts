import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { CallRecord } from '../../local-telegram/log.ts';
import type { Actions } from './actions.ts';
import { openTestActing, type TestActing } from './test-acting.ts';

let acting: TestActing;
let worker: Actions | undefined;

beforeAll(async () => {
  acting = await openTestActing();
});
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});
afterAll(() => acting.close());

const WAIT = { timeout: 30_000, interval: 50 };

function commentsIn(groupId: string): string[] {
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

test('comments, reactions and views are done once each, an account at one thing at a time', async () => {
  const channel = await acting.channel(4);
  const accounts = await acting.accounts(3);
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
  for (const { campaignId } of [comments, reactions, views, readers])
    await expect.poll(() => acting.states(campaignId), WAIT).toEqual({ done: 12 });
  const texts = commentsIn(channel.groupId);
  expect(texts).toHaveLength(12);
  expect(new Set(texts).size).toBe(12);
  for (const text of texts) expect(text).toMatch(/\n\nAutomated, for the team of Example News\.$/);
  const sent = acting.calls('messages.sendMessage', 'messages.sendReaction');
  expect(sent).toHaveLength(24);
  expect(overlaps(sent)).toBe(0);
  expect(acting.mesh.telegram.telegram.log.counters.viewIncrements).toBe(0);
  expect(acting.calls('messages.getMessagesViews')).toEqual([]);
  const rows = await acting.rows(comments.campaignId);
  for (const row of rows) {
    expect(row.attempts).toBe(1);
    expect(row.trace_id).toMatch(/^[0-9a-f]{32}$/);
    expect(row.message_id).toBeGreaterThan(0n);
  }
});

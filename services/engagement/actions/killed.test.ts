import { create } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FaultSpecSchema } from '#gen/telegate/local_telegram/v1/faults_pb.ts';
import { startServiceProcess, type ServiceProcess } from '../../../tests/support/service-process.ts';
import { openTestActing, type TestActing } from './test-acting.ts';

/*
 * A process that is killed between a comment's text and its sending, or between its sending and the answer, held
 * there by what Telegram does. Another takes over, with the same text.
 */

let acting: TestActing;

beforeAll(async () => {
  acting = await openTestActing();
});
afterAll(() => acting.close());

const WAIT = { timeout: 60_000, interval: 50 };

function replica(): Promise<ServiceProcess> {
  return startServiceProcess('engagement', {
    ...acting.mesh.environment,
    MESSAGING_ADDRESS: acting.mesh.replicas[0]!.address,
    ENGAGE_ACCOUNT_GAP: '0s',
    ENGAGE_ACCOUNT_ACTIONS_A_DAY: '1000000',
    ENGAGE_TARGET_ACTIONS_AN_HOUR: '1000000',
    ENGAGE_POST_ACTIONS_OF_A_KIND: '1000000',
    ACTION_LEASE: '2s',
  });
}

test.each([
  ['before Telegram has it', 'messages.getDiscussionMessage', 0],
  ['when Telegram has it and nobody knows', 'messages.sendMessage', 1],
])(
  'killed %s: the other process sends the same text, once',
  async (_, method, effects) => {
    const channel = await acting.channel(1);
    const [account] = await acting.accounts(1);
    const first = await replica();
    acting.mesh.telegram.telegram.faults.add(
      create(FaultSpecSchema, {
        scope: { accountIds: [String(account!.account.id)], methods: [method] },
        count: 1,
        fault: { case: 'delay', value: { delay: { seconds: 5n } } },
      }),
    );
    const struck = acting.mesh.telegram.telegram.log.counters.faultsStruck;
    const { campaignId } = await acting.campaign(channel, { kind: 'comment', accounts: [account!] });
    const comments = (): string[] => {
      const group = acting.mesh.telegram.telegram.world.state.channels.get(Number(channel.groupId))!;
      return group.messages.flatMap(({ deleted, threadId, content }) =>
        !deleted && threadId !== 0 ? [content.text] : [],
      );
    };
    await expect
      .poll(() => acting.mesh.telegram.telegram.log.counters.faultsStruck, WAIT)
      .toBeGreaterThan(struck);
    await expect.poll(comments, WAIT).toHaveLength(effects);
    const [stored] = await acting.rows(campaignId);
    expect(stored).toMatchObject({ state: 'running', attempts: 1 });
    expect(stored!.content).toContain('automated');
    const second = await replica();
    await first.stop('SIGKILL');
    await expect.poll(() => acting.states(campaignId), WAIT).toEqual({ done: 1 });
    const [row] = await acting.rows(campaignId);
    expect(row!.content).toBe(stored!.content);
    expect(comments()).toEqual([stored!.content]);
    expect(row!.message_id).toBeGreaterThan(0n);
    const { rows: left } = await sql`
      select 1 from engagement_jobs._private_jobs where key = ${row!.action_id}`.execute(
      acting.database.kysely,
    );
    expect(left).toEqual([]);
    await second.stop();
  },
  120_000,
);

test('a replica that is told to stop ends what it does and leaves the rest to the other, nothing lost', async () => {
  const channel = await acting.channel(5);
  const accounts = await acting.accounts(4);
  const [first, second] = await Promise.all([replica(), replica()]);
  const { campaignId } = await acting.campaign(channel, { kind: 'comment', accounts });
  await expect.poll(async () => (await acting.states(campaignId))['done'] ?? 0, WAIT).toBeGreaterThan(3);
  expect(await first.stop('SIGTERM')).toBe(0);
  await expect.poll(() => acting.states(campaignId), WAIT).toEqual({ done: 20 });
  for (const { attempts } of await acting.rows(campaignId)) expect(attempts).toBe(1);
  await second.stop();
}, 120_000);

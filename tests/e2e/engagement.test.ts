import { randomUUIDv7 } from 'node:crypto';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  ActionState,
  CampaignKind,
  CampaignState,
  PauseCause,
  TargetState,
  ViewObject,
  type Campaign,
} from '#gen/telegate/engagement/v1/campaign_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { ChannelRole } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { startTelemetry, type Telemetry } from '#lib/telemetry/sdk.ts';
import {
  actionsOf,
  startEngagementMesh,
  type EngagementClient,
  type EngagementMesh,
  type LoggedIn,
  type TestChannel,
} from '../support/engagement.ts';
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '../support/otlp.ts';
import { silent } from '../support/pool.ts';

const GAP_MS = 400;
const POST_CEILING = 3;
const DISCLOSURE = 'Automated, for the team of this test.';
const [SERVER, CLIENT, PRODUCER] = [2, 3, 4];
/** 27 texts. */
const TEMPLATE = '{Fine|Good|Well} {done|said|seen} {there|here|now}';

let collector: OtlpReceiver;
let telemetry: Telemetry;
let mesh: EngagementMesh;

beforeAll(async () => {
  collector = await startOtlpReceiver();
  for (const [name, value] of Object.entries(collector.env)) vi.stubEnv(name, value);
  telemetry = startTelemetry({ service: 'client', version: '0', env: process.env, log: silent });
  mesh = await startEngagementMesh({
    env: {
      ...collector.env,
      ENGAGE_ACCOUNT_GAP: `${GAP_MS}ms`,
      ENGAGE_ACCOUNT_ACTIONS_A_DAY: '1000',
      ENGAGE_TARGET_ACTIONS_AN_HOUR: '1000',
      ENGAGE_POST_ACTIONS_OF_A_KIND: String(POST_CEILING),
      POST_CEILING: '1000',
      TARGET_VERIFY_WHILE_RUNNING: '1s',
      NEW_POSTS_EVERY: '200ms',
      DISCLOSURE_LINE: DISCLOSURE,
    },
  });
}, 180_000);
afterAll(async () => {
  await mesh.stop();
  await telemetry.shutdown();
  vi.unstubAllEnvs();
  await collector.close();
});

interface Site {
  readonly tenantId: string;
  readonly client: EngagementClient;
  readonly accounts: readonly LoggedIn[];
  readonly channel: TestChannel;
  readonly targetId: string;
}

/** A tenant with accounts, the first of which made a channel that is registered. */
async function newSite(wanted: { accounts: number; posts: number }): Promise<Site> {
  const tenantId = randomUUIDv7();
  const client = mesh.client(tenantId);
  const accounts = await mesh.accounts(tenantId, wanted.accounts);
  const channel = await mesh.channel(accounts[0]!, wanted.posts);
  const { target } = await client.registerTarget({ channel: `@${channel.username}` });
  expect(target).toMatchObject({ state: TargetState.VERIFIED, adminAccountId: accounts[0]!.accountId });
  return { tenantId, client, accounts, channel, targetId: target!.targetId };
}

function campaignOf(site: Site, kind: CampaignKind) {
  return {
    targetId: site.targetId,
    kind,
    posts: { postIds: [...site.channel.postIds] },
    accounts: { accountIds: site.accounts.map(({ accountId }) => accountId) },
    ...(kind === CampaignKind.COMMENT ? { comments: { templates: [TEMPLATE] } } : {}),
    ...(kind === CampaignKind.REACTION
      ? {
          reactions: [
            { emoji: '👍', weight: 2 },
            { emoji: '🔥', weight: 1 },
          ],
        }
      : {}),
    ...(kind === CampaignKind.VIEW ? { view: { object: ViewObject.POSTS, parallelism: 4 } } : {}),
  };
}

/** By its watch, which ends with the campaign. */
async function ended(client: EngagementClient, campaignId: string): Promise<Campaign> {
  let last: Campaign | undefined;
  const signal = AbortSignal.timeout(30_000);
  for await (const { campaign } of client.watchCampaign({ campaignId }, { signal })) last = campaign;
  return last!;
}

async function run(site: Site, campaign: ReturnType<typeof campaignOf>): Promise<Campaign> {
  const made = await site.client.createCampaign({ campaign, requestId: randomUUIDv7() });
  return ended(site.client, made.campaign!.campaignId);
}

async function commentsUnder(
  channel: TestChannel,
): Promise<{ text: string; userId: string; postId: bigint }[]> {
  const all = await Promise.all(
    channel.postIds.map((postId) =>
      mesh.control.control.listMessages({
        peer: { peer: { case: 'channelId', value: channel.channelId } },
        commentOnPostId: Number(postId),
      }),
    ),
  );
  return all.flatMap(({ messages }, index) =>
    messages.map(({ text, senderAccountId: userId }) => ({ text, userId, postId: channel.postIds[index]! })),
  );
}

/** When Telegram got an account's calls of a method. */
async function callTimes(userId: string, method: string): Promise<number[]> {
  const { calls } = await mesh.control.control.listCalls({ accountId: userId, methods: [method] });
  return calls.map(({ startTime }) => timestampMs(startTime!));
}

describe('a campaign of comments', () => {
  test('comes to its end: each comment once, disclosed, like no other, paced, and all of it on record', async () => {
    const site = await newSite({ accounts: 3, posts: 2 });
    const campaign = await run(site, campaignOf(site, CampaignKind.COMMENT));
    expect(campaign).toMatchObject({
      state: CampaignState.DONE,
      disclosure: DISCLOSURE,
      counts: { planned: 0, running: 0, done: 6, failed: 0, skipped: 0 },
    });
    const comments = await commentsUnder(site.channel);
    expect(comments).toHaveLength(6);
    for (const { text } of comments) expect(text).toMatch(new RegExp(`^\\w+ \\w+ \\w+\\n\\n${DISCLOSURE}$`));
    expect(new Set(comments.map(({ text }) => text)).size).toBe(6);
    // Each account once under each post.
    expect(new Set(comments.map(({ userId, postId }) => `${userId} ${postId}`)).size).toBe(6);

    const actions = await actionsOf(site.client, campaign.campaignId);
    expect(actions).toHaveLength(6);
    for (const action of actions) {
      expect(action).toMatchObject({ state: ActionState.DONE, attempts: 1, traceId: /^[0-9a-f]{32}$/ });
      expect(action.messageId).toBeGreaterThan(0n);
    }
    expect(new Set(actions.map(({ content }) => content))).toEqual(new Set(comments.map(({ text }) => text)));

    for (const { userId } of site.accounts) {
      const times = await callTimes(userId, 'messages.sendMessage');
      expect(times).toHaveLength(2);
      expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(GAP_MS);
    }
  });

  test('a post gets no more than its ceiling, over all campaigns', async () => {
    const site = await newSite({ accounts: 5, posts: 1 });
    // At once: neither plan knows of the other's actions, unless one comes so late that it is refused.
    const both = await Promise.allSettled(
      [1, 2].map(() => run(site, campaignOf(site, CampaignKind.COMMENT))),
    );
    const ran = both.flatMap((one) => (one.status === 'fulfilled' ? [one.value.counts!] : []));
    expect(ran.reduce((sum, { done }) => sum + done, 0)).toBe(POST_CEILING);
    for (const counts of ran) expect(counts).toMatchObject({ planned: 0, running: 0, failed: 0 });
    await expect(run(site, campaignOf(site, CampaignKind.COMMENT))).rejects.toMatchObject({
      reason: ErrorReason.QUOTA_EXCEEDED,
    });
    expect(await commentsUnder(site.channel)).toHaveLength(POST_CEILING);
  });

  test('is shown before it acts, with the line', async () => {
    const site = await newSite({ accounts: 2, posts: 1 });
    const preview = await site.client.previewCampaign({
      campaign: campaignOf(site, CampaignKind.COMMENT),
      sampleCount: 3,
    });
    expect(preview).toMatchObject({ actionCount: 2, accountCount: 2, postCount: 1 });
    expect(preview.samples).toHaveLength(3);
    for (const sample of preview.samples) expect(sample.endsWith(`\n\n${DISCLOSURE}`)).toBe(true);
    expect(await commentsUnder(site.channel)).toEqual([]);
  });
});

describe('reactions and views', () => {
  test('set one of the reactions and raise no view counter', async () => {
    const site = await newSite({ accounts: 3, posts: 2 });
    expect(await run(site, campaignOf(site, CampaignKind.REACTION))).toMatchObject({
      state: CampaignState.DONE,
      counts: { done: 6 },
    });
    const viewed = await run(site, campaignOf(site, CampaignKind.VIEW));
    expect(viewed).toMatchObject({ state: CampaignState.DONE, counts: { done: 6 } });
    const { messages } = await mesh.control.control.listMessages({
      peer: { peer: { case: 'channelId', value: site.channel.channelId } },
    });
    const posts = messages.filter(({ messageId }) => site.channel.postIds.includes(BigInt(messageId)));
    for (const { reactions, viewCount } of posts) {
      expect(reactions.flatMap(({ accountIds }) => accountIds)).toHaveLength(3);
      expect(['👍', '🔥']).toEqual(expect.arrayContaining(reactions.map(({ emoji }) => emoji)));
      expect(viewCount).toBe(0);
    }
    const reads = await callTimes(site.accounts[1]!.userId, 'channels.getMessages');
    expect(reads.length).toBeGreaterThan(0);
    const { counters } = await mesh.control.control.getCounters({});
    expect(counters!.viewIncrements).toBe(0n);
  });
});

describe('what is not the tenant’s own', () => {
  test('a channel that none of its accounts administers is refused', async () => {
    const [owner] = await mesh.accounts(randomUUIDv7(), 1);
    const channel = await mesh.channel(owner!, 1);
    const tenantId = randomUUIDv7();
    await mesh.accounts(tenantId, 1);
    await expect(
      mesh.client(tenantId).registerTarget({ channel: `@${channel.username}` }),
    ).rejects.toMatchObject({
      reason: ErrorReason.TARGET_NOT_VERIFIED,
    });
  });

  test('an account that never logged in here does not act', async () => {
    const site = await newSite({ accounts: 1, posts: 1 });
    const { accountId } = await mesh.messaging.session(site.tenantId);
    const campaign = { ...campaignOf(site, CampaignKind.COMMENT), accounts: { accountIds: [accountId] } };
    const refused = await site.client.createCampaign({ campaign }).catch((error: unknown) => error);
    expect([ErrorReason.NEEDS_LOGIN, ErrorReason.NOT_FOUND]).toContain(
      (refused as { reason: ErrorReason }).reason,
    );
    expect(await commentsUnder(site.channel)).toEqual([]);
  });

  test('a prompt without a model is refused, and says what to set', async () => {
    const site = await newSite({ accounts: 1, posts: 1 });
    const campaign = { ...campaignOf(site, CampaignKind.COMMENT), comments: { prompt: 'Be kind.' } };
    await expect(site.client.createCampaign({ campaign })).rejects.toMatchObject({
      reason: ErrorReason.INVALID_FIELD,
      message: expect.stringContaining('MODEL_BASE_URL and MODEL_NAME'),
    });
  });

  test('a right that is taken away midway pauses the campaign, and nothing more is done', async () => {
    const tenantId = randomUUIDv7();
    const client = mesh.client(tenantId);
    const [outsider] = await mesh.accounts(randomUUIDv7(), 1);
    const accounts = await mesh.accounts(tenantId, 2);
    const channel = await mesh.channel(outsider!, 40);
    const { channelId } = channel;
    const role = (wantedRole: ChannelRole) =>
      mesh.control.control.setMember({ channelId, accountId: accounts[0]!.userId, role: wantedRole });
    await role(ChannelRole.ADMIN);
    const { target } = await client.registerTarget({ channel: `@${channel.username}` });
    const site = { tenantId, client, accounts, channel, targetId: target!.targetId };
    const comments = { templates: ['{a|b|c|d|e|f|g|h|i} {a|b|c|d|e|f|g|h|i} {a|b|c|d|e|f|g|h|i}'] };
    const { campaign } = await client.createCampaign({
      campaign: { ...campaignOf(site, CampaignKind.COMMENT), comments },
    });
    const { campaignId } = campaign!;
    const read = async (): Promise<Campaign> => (await client.getCampaign({ campaignId })).campaign!;
    await expect.poll(async () => (await read()).counts!.done, { timeout: 10_000 }).toBeGreaterThan(0);
    await role(ChannelRole.MEMBER);
    await expect
      .poll(read, { timeout: 10_000 })
      .toMatchObject({ state: CampaignState.PAUSED, pauseCause: PauseCause.TARGET_LAPSED });
    await expect.poll(async () => (await read()).counts!.running).toBe(0);
    const { counts } = await read();
    expect(counts!.planned).toBeGreaterThan(0);
    expect(await commentsUnder(channel)).toHaveLength(counts!.done);
    await expect(client.resumeCampaign({ campaignId })).rejects.toMatchObject({
      reason: ErrorReason.TARGET_NOT_VERIFIED,
    });
    await role(ChannelRole.ADMIN);
    await client.verifyTarget({ targetId: target!.targetId });
    await client.resumeCampaign({ campaignId });
    await expect
      .poll(async () => (await read()).counts!.done, { timeout: 10_000 })
      .toBeGreaterThan(counts!.done);
    await client.cancelCampaign({ campaignId });
  }, 60_000);
});

test('one action is one trace, from its job to Telegram', async () => {
  const site = await newSite({ accounts: 1, posts: 1 });
  const campaign = await run(site, campaignOf(site, CampaignKind.COMMENT));
  const [action] = await actionsOf(site.client, campaign.campaignId);
  const spans = await vi.waitFor(
    () => {
      const found = collector.spans().filter(({ traceId }) => traceId === action!.traceId);
      const ids = new Set(found.map(({ spanId }) => spanId));
      const roots = found.filter(({ parentSpanId }) => parentSpanId === undefined || !ids.has(parentSpanId));
      expect(roots).toHaveLength(1);
      expect(found.map(({ service }) => service)).toEqual(
        expect.arrayContaining(['engagement', 'messaging']),
      );
      expect(
        found.some(
          ({ name }) => name.includes('messages.SendMessage') || name.includes('messages.sendMessage'),
        ),
      ).toBe(true);
      expect(found.map(({ kind }) => kind)).toEqual(expect.arrayContaining([SERVER, CLIENT, PRODUCER]));
      return found;
    },
    { timeout: 10_000 },
  );
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const path = (span: ReceivedSpan | undefined): string[] =>
    span ? [...path(byId.get(span.parentSpanId ?? '')), `${span.service} ${span.name}`] : [];
  const send = spans.find(
    ({ service, name }) => service === 'messaging' && /messages\.sendMessage/i.test(name),
  );
  expect(path(send).join(' > ')).toMatch(
    /^engagement .* > engagement .*SendComment > messaging .*SendComment > /,
  );
  expect(spans.filter(({ statusCode }) => statusCode === 2)).toEqual([]);
  expect(JSON.stringify(spans)).not.toContain(DISCLOSURE);
});

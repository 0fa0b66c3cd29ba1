import { randomUUIDv7 } from 'node:crypto';
import { durationFromMs, timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ActionState,
  CampaignKind,
  CampaignState,
  MediaCondition,
  PauseCause,
  type Campaign,
} from '#gen/telegate/engagement/v1/campaign_pb.ts';
import { KillSwitchScope } from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import {
  actionsOf,
  startEngagementMesh,
  WITHOUT_LIMITS,
  type EngagementClient,
  type EngagementMesh,
  type LoggedIn,
  type TestChannel,
} from '../../../tests/support/engagement.ts';

const HOUR_MS = 3_600_000;
const WAIT = { timeout: 15_000, interval: 50 };

let mesh: EngagementMesh;
let tenantId: string;
let client: EngagementClient;
let accounts: LoggedIn[];
let channel: TestChannel;
let targetId: string;

beforeAll(async () => {
  mesh = await startEngagementMesh({
    replicas: 2,
    env: { ...WITHOUT_LIMITS, NEW_POSTS_EVERY: '200ms', TARGET_VERIFY_WHILE_RUNNING: '1h' },
  });
  tenantId = randomUUIDv7();
  client = mesh.client(tenantId);
  accounts = await mesh.accounts(tenantId, 3, { team: 'news' });
  channel = await mesh.channel(accounts[0]!, 6);
  const { target } = await client.registerTarget({ channel: channel.username });
  targetId = target!.targetId;
}, 180_000);
afterAll(() => mesh.stop());

type Wanted = Parameters<EngagementClient['createCampaign']>[0]['campaign'] & object;

/** An hour between actions: what is not due at once stays planned. */
const slow = { interval: durationFromMs(HOUR_MS), variation: 0 };

function wanted(more: Partial<Wanted> = {}): Wanted {
  return {
    targetId,
    kind: CampaignKind.VIEW,
    posts: { postIds: [...channel.postIds] },
    accounts: { accountIds: accounts.map(({ accountId }) => accountId) },
    pace: slow,
    ...more,
  } as Wanted;
}

async function created(more: Partial<Wanted> = {}): Promise<Campaign> {
  const { campaign } = await client.createCampaign({ campaign: wanted(more), requestId: randomUUIDv7() });
  return campaign!;
}

async function read(campaignId: string): Promise<Campaign> {
  return (await client.getCampaign({ campaignId })).campaign!;
}

async function faultsOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown as { reason: ErrorReason; message: string },
  );
  expect(error?.reason).toBe(ErrorReason.INVALID_FIELD);
  return error!.message;
}

describe('what is wrong is said when it is created, and by the preview', () => {
  const cases: [string, () => Partial<Wanted>, RegExp][] = [
    ['no accounts', () => ({ accounts: {} }), /accounts: names no accounts/],
    [
      'accounts in two ways',
      () => ({ accounts: { accountIds: [accounts[0]!.accountId], labels: { team: 'news' } } }),
      /in two ways/,
    ],
    [
      'labels that nobody has',
      () => ({ accounts: { labels: { team: 'nobody' } } }),
      /no account has these labels/,
    ],
    [
      '10,000 posts',
      () => ({ posts: { postIds: Array.from({ length: 10_000 }, (_, id) => BigInt(id + 1)) } }),
      /at most 500/,
    ],
    ['10,000 newest posts', () => ({ posts: { latest: 10_000 } }), /send 1 to 500/],
    ['no posts', () => ({ posts: {} }), /names no posts/],
    ['posts in two ways', () => ({ posts: { latest: 1, upcoming: true } }), /more than one way/],
    ['a post that is not there', () => ({ posts: { postIds: [1_000_000n] } }), /no post 1000000/],
    ['a negative post', () => ({ posts: { postIds: [-1n] } }), /number of no post/],
    [
      'a negative interval',
      () => ({ pace: { interval: { seconds: -1n, nanos: 0 } } }),
      /interval: is negative/,
    ],
    ['a variation of 1', () => ({ pace: { variation: 1 } }), /variation: is 1/],
    ['a variation that is no number', () => ({ pace: { variation: Number.NaN } }), /variation: is NaN/],
    [
      'an end before the start',
      () => ({
        pace: {
          startTime: timestampFromMs(Date.now() + 2 * HOUR_MS),
          endTime: timestampFromMs(Date.now() + HOUR_MS),
        },
      }),
      /end_time: is not after start_time/,
    ],
    ['an end that is past', () => ({ pace: { endTime: timestampFromMs(1_000) } }), /end_time: is past/],
    [
      'a start in two years',
      () => ({ pace: { startTime: timestampFromMs(Date.now() + 730 * 24 * HOUR_MS) } }),
      /more than a year ahead/,
    ],
    ['no kind', () => ({ kind: CampaignKind.UNSPECIFIED }), /kind: is not taken/],
    ['no comments', () => ({ kind: CampaignKind.COMMENT }), /comments: is missing/],
    [
      'a prompt of 100 kB',
      () => ({ kind: CampaignKind.COMMENT, comments: { prompt: 'a'.repeat(100_000) } }),
      /prompt: has 100000 characters/,
    ],
    [
      'an unknown tone',
      () => ({ kind: CampaignKind.COMMENT, comments: { tone: 'shouting', templates: ['{a|b}'] } }),
      /tone: is not known/,
    ],
    [
      'fewer texts than comments',
      () => ({ kind: CampaignKind.COMMENT, comments: { templates: ['{One|Two} texts'] } }),
      /2 texts that differ for 18 comments/,
    ],
    ['no reactions', () => ({ kind: CampaignKind.REACTION }), /reactions: are missing/],
    [
      'a weight of nothing',
      () => ({ kind: CampaignKind.REACTION, reactions: [{ emoji: '👍', weight: 0 }] }),
      /weight: is 0/,
    ],
    [
      'reactions of a view',
      () => ({ reactions: [{ emoji: '👍', weight: 1 }] }),
      /for campaigns of kind reaction/,
    ],
    ['too many readers', () => ({ view: { parallelism: 1_000 } }), /parallelism: is 1000/],
    [
      'conditions that no post fulfils',
      () => ({ conditions: { textContains: ['no such words'] } }),
      /none of the 6 posts fulfils them/,
    ],
    ['media that no post has', () => ({ conditions: { media: MediaCondition.SOME } }), /none of the 6 posts/],
    [
      'an age that can not be',
      () => ({ conditions: { minAge: durationFromMs(2 * HOUR_MS), maxAge: durationFromMs(HOUR_MS) } }),
      /under min_age/,
    ],
    ['no target', () => ({ targetId: 'it' }), /target_id: is not a UUID/],
  ];

  test.each(cases)('%s', async (_name, more, fault) => {
    const campaign = wanted(more());
    expect(await faultsOf(client.createCampaign({ campaign }))).toMatch(fault);
    expect(await faultsOf(client.previewCampaign({ campaign }))).toMatch(fault);
  });

  test('all faults are told together', async () => {
    const campaign = wanted({ accounts: {}, posts: {}, kind: CampaignKind.UNSPECIFIED });
    expect((await faultsOf(client.createCampaign({ campaign }))).split('; ').length).toBeGreaterThan(2);
  });

  test('a reaction that the channel does not allow, and what it does allow', async () => {
    const own = await mesh.channel(accounts[0]!, 1);
    await mesh.control.control.updateChannel({
      channel: {
        channelId: own.channelId,
        allowedReactions: { emoji: ['👍', '❤'] },
      },
      updateMask: { paths: ['allowed_reactions'] },
    });
    const { target } = await client.registerTarget({ channel: own.username });
    expect(target!.allowedReactions).toEqual(['👍', '❤']);
    const reacting = (emoji: string) =>
      wanted({
        targetId: target!.targetId,
        kind: CampaignKind.REACTION,
        posts: { latest: 1 },
        reactions: [{ emoji, weight: 1 }],
      });
    expect(await faultsOf(client.createCampaign({ campaign: reacting('🔥') }))).toMatch(/it allows 👍 ❤/);
    // With the mark that asks for colour it is the same one.
    const { campaign } = await client.createCampaign({ campaign: reacting('❤\ufe0f') });
    expect(campaign!.reactions[0]!.emoji).toBe('❤');
    await client.cancelCampaign({ campaignId: campaign!.campaignId });
  });
});

describe('a campaign', () => {
  test('is planned at once, and a repeat of its request is the same campaign', async () => {
    const request = { campaign: wanted(), requestId: randomUUIDv7() };
    const [first, second] = await Promise.all([
      client.createCampaign(request),
      client.createCampaign(request),
    ]);
    const third = await client.createCampaign(request);
    expect(second).toEqual(first);
    expect(third).toEqual(first);
    const { campaignId } = first.campaign!;
    expect(await read(campaignId)).toMatchObject({ state: CampaignState.RUNNING, owner: 'key:test' });
    const actions = await actionsOf(client, campaignId);
    expect(actions).toHaveLength(18);
    await expect(
      client.createCampaign({ ...request, campaign: wanted({ posts: { latest: 1 } }) }),
    ).rejects.toMatchObject({ reason: ErrorReason.REQUEST_ID_REUSED });
    await client.cancelCampaign({ campaignId });
  });

  test('pauses and resumes, ends for good when it is cancelled, each as often as asked', async () => {
    const { campaignId } = await created();
    for (let time = 0; time < 2; time += 1)
      expect((await client.pauseCampaign({ campaignId, reason: 'lunch' })).campaign).toMatchObject({
        state: CampaignState.PAUSED,
        stateReason: 'lunch',
        pauseCause: PauseCause.CALLER,
      });
    for (let time = 0; time < 2; time += 1)
      expect((await client.resumeCampaign({ campaignId })).campaign).toMatchObject({
        state: CampaignState.RUNNING,
        pauseCause: PauseCause.UNSPECIFIED,
      });
    const started = performance.now();
    for (let time = 0; time < 2; time += 1)
      expect((await client.cancelCampaign({ campaignId, reason: 'enough' })).campaign).toMatchObject({
        state: CampaignState.CANCELLED,
        stateReason: 'enough',
        counts: { planned: 0 },
      });
    expect(performance.now() - started).toBeLessThan(1_000);
    const left = (await actionsOf(client, campaignId)).filter(({ state }) => state === ActionState.SKIPPED);
    expect(left.length).toBeGreaterThan(10);
    expect(left[0]!.reason).toBe('the campaign was cancelled');
    for (const change of ['pauseCampaign', 'resumeCampaign'] as const)
      await expect(client[change]({ campaignId })).rejects.toMatchObject({
        reason: ErrorReason.CAMPAIGN_ENDED,
      });
  });

  test('begins at its start time and ends what is left at its end', async () => {
    const startMs = Date.now() + 1_500;
    const campaign = await created({
      pace: { ...slow, startTime: timestampFromMs(startMs), endTime: timestampFromMs(startMs + 2_000) },
    });
    expect(campaign).toMatchObject({ state: CampaignState.SCHEDULED, counts: { planned: 0 } });
    await expect.poll(() => read(campaign.campaignId), WAIT).toMatchObject({ state: CampaignState.RUNNING });
    expect(Date.now()).toBeGreaterThanOrEqual(startMs);
    await expect
      .poll(() => read(campaign.campaignId), WAIT)
      .toMatchObject({
        state: CampaignState.DONE,
        stateReason: 'its end time has come',
        counts: { planned: 0, running: 0 },
      });
    expect(Date.now()).toBeGreaterThanOrEqual(startMs + 2_000);
    expect((await actionsOf(client, campaign.campaignId)).at(-1)!.reason).toBe('the campaign has ended');
  });

  test('that can not begin is paused and says why', async () => {
    const own = await mesh.channel(accounts[0]!, 1);
    const { target } = await client.registerTarget({ channel: own.username });
    const campaign = await created({
      targetId: target!.targetId,
      posts: { postIds: [...own.postIds] },
      pace: { startTime: timestampFromMs(Date.now() + 1_000) },
    });
    await mesh.control.control.deleteMessages({
      accountId: accounts[0]!.userId,
      peer: { peer: { case: 'channelId', value: own.channelId } },
      messageIds: own.postIds.map(Number),
    });
    await expect
      .poll(() => read(campaign.campaignId), WAIT)
      .toMatchObject({
        state: CampaignState.PAUSED,
        pauseCause: PauseCause.START_FAILED,
        stateReason: expect.stringContaining('no post') as string,
      });
    await client.cancelCampaign({ campaignId: campaign.campaignId });
  });

  test('acts on posts that appear while it runs, and on none from before', async () => {
    const own = await mesh.channel(accounts[0]!, 3);
    const { target } = await client.registerTarget({ channel: own.username });
    const { campaignId } = await created({
      targetId: target!.targetId,
      posts: { upcoming: true },
      conditions: { textContains: ['NEWS'] },
      pace: { interval: durationFromMs(0) },
    });
    const { posts } = await mesh.control.control.createPosts({
      channelId: own.channelId,
      posts: [{ text: 'Some news' }, { text: 'Something else' }, { text: 'More News' }],
    });
    await expect.poll(async () => (await read(campaignId)).counts!.done, WAIT).toBe(6);
    const seen = new Set((await actionsOf(client, campaignId)).map(({ postId }) => Number(postId)));
    expect([...seen].toSorted((a, b) => a - b)).toEqual([posts[0]!.messageId, posts[2]!.messageId]);
    expect(await read(campaignId)).toMatchObject({ state: CampaignState.RUNNING });
    await client.cancelCampaign({ campaignId });
  });

  test('waits until a post is old enough', async () => {
    const { campaignId } = await created({
      posts: { latest: 1 },
      conditions: { minAge: durationFromMs(2 * HOUR_MS) },
      pace: { interval: durationFromMs(0) },
    });
    const actions = await actionsOf(client, campaignId);
    expect(actions).toHaveLength(3);
    for (const { dueTime } of actions) expect(timestampMs(dueTime!)).toBeGreaterThan(Date.now() + HOUR_MS);
    await client.cancelCampaign({ campaignId });
  });

  test('takes accounts by labels, at most as many as named, and none that came from a file', async () => {
    const stray = await mesh.messaging.session(tenantId, { labels: { team: 'news' } });
    const asked = { campaign: wanted({ accounts: { labels: { team: 'news' } } }) };
    await expect
      .poll(async () => (await client.previewCampaign(asked)).warnings.join(), WAIT)
      .toMatch(/1 with these labels came from files and never logged in here/);
    expect((await client.previewCampaign(asked)).accountCount).toBe(3);
    await expect(
      client.createCampaign({ campaign: wanted({ accounts: { accountIds: [stray.accountId] } }) }),
    ).rejects.toMatchObject({ reason: ErrorReason.NEEDS_LOGIN });
    const { campaignId, counts } = await created({ accounts: { labels: { team: 'news' }, maxCount: 2 } });
    expect(counts!.planned).toBe(12);
    await client.cancelCampaign({ campaignId });
  });

  test('does not take an account whose session came from a file after it had logged in', async () => {
    const [account] = await mesh.accounts(tenantId, 1);
    const { accountId, sessionId } = account!;
    const asked = { campaign: wanted({ accounts: { accountIds: [accountId] } }) };
    expect((await client.previewCampaign(asked)).accountCount).toBe(1);
    await expect
      .poll(
        () =>
          mesh.pool
            .client(tenantId)
            .deleteSession({ sessionId, force: true })
            .catch((error: unknown) => error),
        WAIT,
      )
      .not.toBeInstanceOf(Error);
    await mesh.messaging.session(tenantId, { accountId });
    await expect
      .poll(() => client.previewCampaign(asked).catch((error: Error) => error.message), WAIT)
      .toMatch(/came from files and never logged in here/);
  });

  test('is watched: at once, with each change, to its end', async () => {
    const { campaignId } = await created({ posts: { latest: 1 } });
    const states: CampaignState[] = [];
    for await (const { campaign } of client.watchCampaign({ campaignId })) {
      states.push(campaign!.state);
      if (states.length === 1) await client.pauseCampaign({ campaignId });
      if (campaign!.state === CampaignState.PAUSED) await client.cancelCampaign({ campaignId });
    }
    expect(states[0]).toBe(CampaignState.RUNNING);
    expect(states).toContain(CampaignState.PAUSED);
    expect(states.at(-1)).toBe(CampaignState.CANCELLED);
  });

  test('is listed, the newest first, page by page', async () => {
    const made = [await created(), await created(), await created()];
    const first = await client.listCampaigns({ targetId, pageSize: 2 });
    const second = await client.listCampaigns({ targetId, pageSize: 2, pageToken: first.nextPageToken });
    expect([...first.campaigns, ...second.campaigns].slice(0, 3).map(({ campaignId }) => campaignId)).toEqual(
      made.map(({ campaignId }) => campaignId).toReversed(),
    );
    for (const { campaignId } of made) await client.cancelCampaign({ campaignId });
    const running = await client.listCampaigns({ targetId, state: CampaignState.RUNNING });
    expect(running.campaigns).toEqual([]);
  });
});

describe('the kill switch', () => {
  test('of a tenant stops all of it at once, until it is lifted and they are resumed', async () => {
    const { campaignId } = await created();
    const set = (on: boolean) =>
      client.setKillSwitch({ scope: KillSwitchScope.TENANT, on, reason: 'a complaint' });
    expect(await set(true)).toMatchObject({ killSwitch: { on: true, subject: 'key:test' }, pausedCount: 1 });
    expect(await read(campaignId)).toMatchObject({
      state: CampaignState.PAUSED,
      pauseCause: PauseCause.KILL_SWITCH,
      stateReason: 'the kill switch of the tenant is on: a complaint',
    });
    const stopped = { reason: ErrorReason.ENGAGEMENT_STOPPED };
    await expect(client.resumeCampaign({ campaignId })).rejects.toMatchObject(stopped);
    await expect(created()).rejects.toMatchObject(stopped);
    // On another replica too: it is in the database.
    const elsewhere = mesh.client(tenantId, { address: mesh.replicas[1]!.address });
    expect(await elsewhere.getKillSwitch({})).toMatchObject({ tenant: { on: true }, mesh: { on: false } });
    await set(false);
    expect(await read(campaignId)).toMatchObject({ state: CampaignState.PAUSED });
    await client.resumeCampaign({ campaignId });
    expect(await read(campaignId)).toMatchObject({ state: CampaignState.RUNNING });
    await client.cancelCampaign({ campaignId });
  });

  test('of the mesh is the operator’s, and stops every tenant', async () => {
    const { campaignId } = await created();
    const ofMesh = { scope: KillSwitchScope.MESH, reason: 'all of it' };
    await expect(client.setKillSwitch({ ...ofMesh, on: true })).rejects.toMatchObject({
      reason: ErrorReason.SCOPE_MISSING,
    });
    const operator = mesh.client(randomUUIDv7(), { role: 'operator' });
    await operator.setKillSwitch({ ...ofMesh, on: true });
    expect(await read(campaignId)).toMatchObject({ pauseCause: PauseCause.KILL_SWITCH });
    await expect(created()).rejects.toMatchObject({ reason: ErrorReason.ENGAGEMENT_STOPPED });
    await operator.setKillSwitch({ ...ofMesh, on: false });
    await client.cancelCampaign({ campaignId });
  });
});

test('the limits are told, with what was raised', async () => {
  const { limits } = await client.getLimits({});
  expect(limits).toMatchObject({ accountActionsADay: 1_000_000, postActionsOfAKind: 1_000_000 });
  expect(limits!.raised.map(({ name }) => name)).toEqual([
    'ENGAGE_ACCOUNT_ACTIONS_A_DAY',
    'ENGAGE_TARGET_ACTIONS_AN_HOUR',
    'ENGAGE_POST_ACTIONS_OF_A_KIND',
    'ENGAGE_ACCOUNT_GAP',
  ]);
  expect(limits!.raised.every(({ raiseTime }) => raiseTime !== undefined)).toBe(true);
  expect(limits!.disclosure.length).toBeGreaterThan(12);
});

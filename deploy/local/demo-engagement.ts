import { randomInt } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import {
  ActionState,
  CampaignKind,
  CampaignState,
  TargetState,
  type Action,
  type Campaign,
} from '#gen/telegate/engagement/v1/campaign_pb.ts';
import { EngagementService } from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { LocalTelegramService } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import type { Tour } from './demo-tour.ts';
import { check, refusal, told } from './demo-tour.ts';
import type { MeshFile } from './mesh-file.ts';

const DEADLINE_MS = 15_000;
const CAMPAIGN_MS = 60_000;
const POSTS = ['The bridge opens on Monday.', 'The library is open until ten.'];
/** Twelve texts, for four comments. */
const TEMPLATE = '{Thank you for|Good to see|We like} {this|the} {update|news}!';

export interface EngagementTour {
  tour: Tour;
  mesh: MeshFile;
  /** Of a user with a tenant of its own. */
  token: string;
  /** Distinguishes what this tour makes from that of others. */
  name: string;
}

interface Site extends EngagementTour {
  readonly accounts: Client<typeof AccountAuthService>;
  readonly telegram: Client<typeof LocalTelegramService>;
  readonly engagement: Client<typeof EngagementService>;
}

interface Member {
  readonly accountId: string;
  /** At Telegram. */
  readonly userId: string;
}

interface OwnChannel {
  readonly username: string;
  readonly channelId: string;
  readonly postIds: bigint[];
}

/** Campaigns in a channel that the tenant administers, and in no other. */
export async function engagementTour(options: EngagementTour): Promise<void> {
  const site = clientsOf(options);
  if (!site) return;
  const { tour, telegram, engagement } = site;

  const members = await tour.step('two accounts log in by code', async () => {
    const both = [await logIn(site), await logIn(site)] as const;
    return told('campaigns act with accounts that logged in here alone', both);
  });

  const [channel, targetId] = await tour.step('a channel is registered as a target', async () => {
    const own = await makeChannel(site, members[0].userId, 'news');
    const { target } = await engagement.registerTarget({ channel: `@${own.username}` });
    check(target?.state === TargetState.VERIFIED, 'the target to be verified');
    check(target.adminAccountId === members[0].accountId, 'the account that made the channel to be found');
    return told(`@${own.username}: Telegram says that one of our accounts administers it`, [
      own,
      target.targetId,
    ] as const);
  });

  await tour.step('a channel of somebody else is refused', async () => {
    const { account: stranger } = await telegram.createAccount({ account: { phone: newPhone() } });
    const theirs = await makeChannel(site, stranger!.accountId, 'other');
    const call = engagement.registerTarget({ channel: `@${theirs.username}` });
    const { reason } = await refusal(call, status.FAILED_PRECONDITION);
    check(reason === ErrorReason.TARGET_NOT_VERIFIED, 'TARGET_NOT_VERIFIED');
    return told(`@${theirs.username}: FAILED_PRECONDITION, TARGET_NOT_VERIFIED`);
  });

  const campaign = (kind: CampaignKind) => ({
    targetId,
    kind,
    posts: { postIds: channel.postIds },
    accounts: { accountIds: members.map(({ accountId }) => accountId) },
    ...(kind === CampaignKind.COMMENT ? { comments: { templates: [TEMPLATE] } } : {}),
    ...(kind === CampaignKind.VIEW ? { view: { parallelism: members.length } } : {}),
    ...(kind === CampaignKind.REACTION ? { reactions: [{ emoji: '👍', weight: 1 }] } : {}),
  });
  const wanted = members.length * channel.postIds.length;

  await tour.step('a campaign is shown before it acts', async () => {
    const { actionCount, samples } = await engagement.previewCampaign({
      campaign: campaign(CampaignKind.COMMENT),
      sampleCount: 1,
    });
    check(actionCount === wanted && samples.length === 1, `${wanted} actions and a sample`);
    return told(`${actionCount} comments, as “${samples[0]!.replaceAll('\n\n', ' / ')}”`);
  });

  const run = async (kind: CampaignKind): Promise<string> => {
    const created = await engagement.createCampaign({ campaign: campaign(kind) });
    const { campaignId } = created.campaign!;
    const ended = await untilEnd(engagement, campaignId);
    const { counts, state } = ended;
    check(state === CampaignState.DONE && counts?.done === wanted, `${wanted} actions to be done`);
    return campaignId;
  };

  const comments = await tour.step('comments: the campaign comes to its end', async () => {
    const campaignId = await run(CampaignKind.COMMENT);
    const texts = await commentsUnder(site, channel);
    check(new Set(texts).size === wanted, `${wanted} comments at Telegram, no two alike`);
    const lines = new Set(texts.map((text) => text.split('\n\n').at(-1)));
    check(lines.size === 1, 'one line at the end of all of them');
    return told(`${texts.length}, each ending “${[...lines][0]}”`, campaignId);
  });
  const [reactions, views] = await tour.step(
    'reactions and views: both campaigns come to their end',
    async () => {
      const both = await Promise.all([run(CampaignKind.REACTION), run(CampaignKind.VIEW)]);
      const { counters } = await telegram.getCounters({});
      check(counters?.viewIncrements === 0n, 'no view counter to be raised');
      return told(`${wanted} reactions set; ${wanted} posts read, and no view counter raised`, both);
    },
  );

  await tour.step('everything that was done is on record', async () => {
    const pages = await Promise.all(
      [comments, reactions, views].map((campaignId) => engagement.listActions({ campaignId })),
    );
    const actions = pages.flatMap((page) => page.actions);
    check(
      actions.length === 3 * wanted && actions.every(({ state }) => state === ActionState.DONE),
      `${3 * wanted} actions that are done`,
    );
    return told(`${actions.length} actions\n${actions.map(recordOf).join('\n')}`);
  });
}

function clientsOf(options: EngagementTour): Site | undefined {
  const { tour, mesh, token } = options;
  const { engagement: campaigns, local_telegram: local, account_auth: auth } = mesh.endpoints;
  if (!campaigns || !local || !auth) return undefined;
  const asUser = { token, defaultDeadlineMs: DEADLINE_MS };
  const site: Site = {
    ...options,
    engagement: connect(EngagementService, { ...asUser, address: campaigns.grpc }),
    accounts: connect(AccountAuthService, { ...asUser, address: auth.grpc }),
    telegram: connect(LocalTelegramService, {
      apiKey: mesh.apiKey,
      address: local.grpc,
      defaultDeadlineMs: DEADLINE_MS,
    }),
  };
  tour.afterwards('closing connections', () => {
    for (const client of [site.engagement, site.accounts, site.telegram]) client.close();
    return Promise.resolve();
  });
  return site;
}

function newPhone(): string {
  return `+1558${String(randomInt(10_000_000)).padStart(7, '0')}`;
}

async function logIn({ tour, accounts, telegram, name }: Site): Promise<Member> {
  const phone = newPhone();
  const { account: user } = await telegram.createAccount({ account: { phone, firstName: 'Demo' } });
  const { login } = await accounts.startLogin({ phone, labels: { 'telegate.demo': name } });
  const { code } = await telegram.getLoginCode({ phone, wait: { seconds: 5n } });
  const { account } = await accounts.submitCode({ loginId: login!.loginId, code: code!.code });
  check(account !== undefined, 'an account in the answer');
  const { accountId } = account;
  tour.afterwards('deleting an account', () => accounts.deleteAccount({ accountId, force: true }));
  return { accountId, userId: user!.accountId };
}

async function makeChannel(
  { tour, telegram, name }: Site,
  creatorAccountId: string,
  what: string,
): Promise<OwnChannel> {
  const username = `${name.replace('-', '_')}_${what}`;
  const { channel, discussionGroup } = await telegram.createChannel({
    title: `Demo ${what}`,
    username,
    creatorAccountId,
    withDiscussionGroup: true,
  });
  const { channelId } = channel!;
  tour.afterwards('deleting a channel', async () => {
    await telegram.deleteChannel({ channelId });
    await telegram.deleteChannel({ channelId: discussionGroup!.channelId });
  });
  const { posts } = await telegram.createPosts({ channelId, posts: POSTS.map((text) => ({ text })) });
  return { username, channelId, postIds: posts.map(({ messageId }) => BigInt(messageId)) };
}

/** A watch ends with its campaign. */
async function untilEnd(engagement: Client<typeof EngagementService>, campaignId: string): Promise<Campaign> {
  let last: Campaign | undefined;
  const signal = AbortSignal.timeout(CAMPAIGN_MS);
  for await (const { campaign } of engagement.watchCampaign({ campaignId }, { signal })) last = campaign;
  check(last !== undefined, 'the watch to say how the campaign stands');
  return last;
}

async function commentsUnder({ telegram }: Site, { channelId, postIds }: OwnChannel): Promise<string[]> {
  const pages = await Promise.all(
    postIds.map((postId) =>
      telegram.listMessages({
        peer: { peer: { case: 'channelId', value: channelId } },
        commentOnPostId: Number(postId),
      }),
    ),
  );
  return pages.flatMap(({ messages }) => messages.map(({ text }) => text));
}

const KIND_NAMES: ReadonlyMap<CampaignKind, string> = new Map([
  [CampaignKind.COMMENT, 'comment'],
  [CampaignKind.REACTION, 'reaction'],
  [CampaignKind.VIEW, 'view'],
]);

function recordOf({ kind, postId, accountId, content, attempts, traceId }: Action): string {
  const what = KIND_NAMES.get(kind)!.padEnd(8);
  const said = content.split('\n')[0]!.padEnd(36);
  return `       ${what} post ${postId}  ${said} account …${accountId.slice(-6)}  try ${attempts}  trace ${traceId}`;
}

import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { ChannelKind } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { MessagingService } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { createMeshTokenSource, meshKeys } from '#lib/auth/mesh-token.ts';
import * as shared from '#lib/config/shared.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { openDatabase } from '#lib/postgres/database.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { connect } from '#lib/rpc/client.ts';
import {
  startMessagingMesh,
  type MessagingMesh,
  type TestSession,
} from '../../../tests/support/messaging.ts';
import { expectNoLeaks } from '../../../tests/support/postgres.ts';
import type { CallRecord } from '../../local-telegram/log.ts';
import type { Limits } from '../limits.ts';
import type { ActionKind, CampaignPlan } from '../model.ts';
import type { EngagementDatabase, EngagementTables } from '../tables.ts';
import { quiet } from '../test-engagement.ts';
import { openTexts } from '../texts/texts.ts';
import { startActions, type Actions, type ActionSettings } from './actions.ts';
import { migrateJobs } from './job-schema.ts';
import { addActionJobs } from './jobs.ts';
import type { ActionRow } from './list.ts';

export const NO_LIMITS: Limits = {
  accountDaily: 1_000_000,
  accountGapMs: 0,
  targetHourly: 1_000_000,
  postCeiling: 1_000_000,
};

export interface TestChannel {
  readonly targetId: string;
  readonly username: string;
  readonly channelId: string;
  readonly groupId: string;
  readonly postIds: readonly bigint[];
}

export interface NewCampaign {
  readonly kind: ActionKind;
  readonly plan?: Partial<CampaignPlan>;
  readonly accounts: readonly TestSession[];
  readonly postIds?: readonly bigint[];
  /** From now. */
  readonly dueInMs?: number;
  readonly content?: string;
}

export interface TestCampaign {
  readonly campaignId: string;
  /** In the order of the posts, for each account in turn. */
  readonly actionIds: readonly string[];
}

/** Real messaging, a local Telegram and real tables; campaigns are written as the planner would. */
export interface TestActing {
  readonly mesh: MessagingMesh;
  readonly url: string;
  readonly database: EngagementDatabase;
  readonly tenantId: string;
  /** Who created the channels. */
  readonly owner: TestSession;
  accounts(count: number): Promise<TestSession[]>;
  channel(posts: number, options?: { withoutComments?: boolean }): Promise<TestChannel>;
  campaign(channel: TestChannel, wanted: NewCampaign): Promise<TestCampaign>;
  /** A worker in this process. */
  start(changes?: { limits?: Partial<Limits>; settings?: Partial<ActionSettings> }): Actions;
  rows(campaignId: string): Promise<ActionRow[]>;
  states(campaignId: string): Promise<Record<string, number>>;
  /** Calls of these methods that Telegram carried out, by when they began. */
  calls(...methods: string[]): CallRecord[];
  close(): Promise<void>;
}

const TEMPLATES: CampaignPlan['comments'] = {
  tone: '',
  language: '',
  prompt: '',
  templates: ['{a|b|c|d|e|f|g|h} {a|b|c|d|e|f|g|h} {a|b|c|d|e|f|g|h} {a|b|c|d|e|f|g|h}'],
};

const PLAN: CampaignPlan = {
  posts: { by: 'latest', count: 1 },
  conditions: { contains: [], excludes: [], media: 'any', minAgeMs: 0, maxAgeMs: 0, author: '' },
  accounts: { accountIds: [], labels: {}, maxCount: 0 },
  pace: { intervalMs: 0, variation: 0 },
};

let channels = 0;

export async function openTestActing(env: Record<string, string> = {}): Promise<TestActing> {
  const mesh = await startMessagingMesh({ env: { POST_CEILING: '1000000', ...env } });
  const { url } = mesh.pool.database;
  await migrateJobs({ url, log: quiet });
  const database = openDatabase<EngagementTables>({
    url,
    schema: 'engagement',
    poolSize: 8,
    applicationName: 'test',
    log: quiet,
  });
  const tenantId = randomUUIDv7();
  const { kysely } = database;
  const keys = meshKeys(shared.meshKey.parse(mesh.environment['TELEGATE_MESH_KEY']));
  const tokenFor = createMeshTokenSource(keys, 'engagement', systemClock);
  const messaging = connect(MessagingService, {
    address: mesh.replicas[0]!.address,
    token: (caller) => tokenFor(caller!),
  });
  const texts = openTexts(
    {
      disclosureLine: 'Automated, for the team of Example News.',
      model: undefined,
      budgets: { deployment: 1, campaign: 1 },
    },
    { database, clock: systemClock, random: Math.random },
  );
  const workers: Actions[] = [];
  const owner = await mesh.session(tenantId);
  return {
    mesh,
    url,
    database,
    tenantId,
    owner,
    accounts: (count) => Promise.all(Array.from({ length: count }, () => mesh.session(tenantId))),

    async channel(posts, { withoutComments = false } = {}) {
      const username = `acted_${(channels += 1)}_on`;
      const { channel, discussionGroup } = await mesh.control.control.createChannel({
        kind: ChannelKind.BROADCAST,
        title: username,
        username,
        creatorAccountId: String(owner.account.id),
        withDiscussionGroup: !withoutComments,
      });
      const { channelId } = channel!;
      const made = await mesh.control.control.createPosts({
        channelId,
        posts: Array.from({ length: posts }, (_, index) => ({ text: `post ${index}` })),
      });
      const targetId = randomUUIDv7();
      await sql`
        insert into targets (target_id, tenant_id, environment, channel, title, username, linked_group,
          allowed_reactions, all_reactions, state, admin_account_id, verify_time, next_verify_time)
        values (${targetId}, ${tenantId}, 'local', ${`channel:${channelId}`}, ${username}, ${username},
          ${discussionGroup ? `channel:${discussionGroup.channelId}` : ''}, '{}', true, 'verified', ${owner.accountId},
          clock_timestamp() - interval '1 hour', clock_timestamp() + interval '1 day')`.execute(kysely);
      return {
        targetId,
        username,
        channelId,
        groupId: discussionGroup?.channelId ?? '',
        postIds: made.posts.map(({ messageId }) => BigInt(messageId)),
      };
    },

    async campaign(channel, { kind, plan, accounts, postIds = channel.postIds, dueInMs = 0, content }) {
      const campaignId = randomUUIDv7();
      const whole = { ...PLAN, ...(kind === 'comment' ? { comments: TEMPLATES } : {}), ...plan };
      const dueTime = new Date(systemClock.now() + dueInMs);
      const actions = accounts.flatMap(({ accountId }) =>
        postIds.map((postId) => ({ actionId: randomUUIDv7(), accountId, postId, dueTime })),
      );
      await transaction(database, async (trx) => {
        await sql`
          insert into campaigns (campaign_id, tenant_id, owner, target_id, channel, kind, plan, state, start_time, planned)
          values (${campaignId}, ${tenantId}, 'key:test', ${channel.targetId}, ${`channel:${channel.channelId}`}, ${kind},
            ${JSON.stringify(whole)}, 'running', clock_timestamp(), true)`.execute(trx);
        await sql`
          insert into campaign_accounts (campaign_id, account_id)
          select ${campaignId}, account_id
          from unnest(${accounts.map(({ accountId }) => accountId)}::uuid[]) as used (account_id)`.execute(
          trx,
        );
        await sql`
          insert into actions (action_id, tenant_id, campaign_id, target_id, channel, account_id, post_id, kind,
            content, due_time)
          select action_id, ${tenantId}, ${campaignId}, ${channel.targetId}, ${`channel:${channel.channelId}`},
            account_id, post_id, ${kind}, ${content ?? (kind === 'reaction' ? '👍' : '')}, ${dueTime}
          from unnest(${actions.map(({ actionId }) => actionId)}::uuid[],
            ${actions.map(({ accountId }) => accountId)}::uuid[], ${actions.map(({ postId }) => postId)}::bigint[])
            as planned (action_id, account_id, post_id)`.execute(trx);
        await addActionJobs(trx, actions);
      });
      return { campaignId, actionIds: actions.map(({ actionId }) => actionId) };
    },

    start({ limits, settings } = {}) {
      const worker = startActions(
        {
          database,
          messaging,
          texts,
          clock: systemClock,
          random: Math.random,
          log: quiet,
          settings: {
            environment: 'local',
            limits: { ...NO_LIMITS, ...limits },
            verifyEveryMs: 1_000_000,
            verifyWhileRunningMs: 1_000_000,
            newPostsEveryMs: 1_000_000,
          },
          wakeRelay: () => undefined,
        },
        { url, concurrency: 16, leaseMs: 2_000, pollMs: 50, graceMs: 5_000, ...settings },
      );
      workers.push(worker);
      return worker;
    },

    async rows(campaignId) {
      const { rows } = await sql<ActionRow>`
        select * from actions where campaign_id = ${campaignId} order by ordinal`.execute(kysely);
      return rows;
    },

    async states(campaignId) {
      const { rows } = await sql<{ state: string; count: number }>`
        select state, count(*)::integer as count from actions where campaign_id = ${campaignId} group by state`.execute(
        kysely,
      );
      return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
    },

    calls(...methods) {
      const { calls } = mesh.telegram.telegram.log;
      const found: CallRecord[] = [];
      for (let number = calls.first; number < calls.next; number += 1) {
        const one = calls.at(number)!;
        if (methods.includes(one.method)) found.push(one);
      }
      return found;
    },

    async close() {
      await Promise.all(workers.map((worker) => worker.stop()));
      messaging.close();
      await expectNoLeaks(database);
      await database.close();
      await mesh.stop();
    },
  };
}

import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { EngagementService } from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { ChannelKind } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import { createLogger } from '#lib/telemetry/log.ts';
import { migrateJobs } from '../../../services/engagement/actions/job-schema.ts';
import type { Bench } from '../pool/bench.ts';
import { startProgram, type System } from '../pool/system.ts';
import { startLocal, type Local } from '../telegram/local.ts';

/** Everything that takes part in a campaign, each in a process of its own, with no gap and no cap that is met. */
export interface EngagementSystem {
  readonly local: Local;
  readonly system: System;
  readonly engagement: Client<typeof EngagementService>;
  /** So many accounts, logged in by code; the first of them makes the channels. */
  accounts(count: number): Promise<readonly BenchMember[]>;
  /** A channel with so many posts, registered; answers its target and its posts. */
  channel(creator: BenchMember, posts: number): Promise<{ targetId: string; postIds: bigint[] }>;
  stop(): Promise<void>;
}

export interface BenchMember {
  readonly accountId: string;
  /** At Telegram. */
  readonly userId: string;
}

const LOGINS_AT_ONCE = 8;
const mainOf = (name: string): string =>
  fileURLToPath(new URL(`../../../services/${name}/main.ts`, import.meta.url));

export async function startEngagementSystem(bench: Bench): Promise<EngagementSystem> {
  const keys = {
    TELEGATE_MESH_KEY: randomBytes(32).toString('base64'),
    TELEGATE_MASTER_KEY: `1:${randomBytes(32).toString('base64')}`,
  };
  const system = await bench.start({ sessions: 0, env: keys });
  await migrateJobs({ url: system.url, log: createLogger({ service: 'migrate', level: 'silent' }) });
  const local = await startLocal();
  const env: NodeJS.ProcessEnv = {
    PATH: process.env['PATH'],
    ...keys,
    DATABASE_URL: system.url,
    ...(bench.natsUrl === undefined ? {} : { NATS_URL: bench.natsUrl }),
    TELEGATE_OPERATOR_KEY: system.apiKey,
    SESSION_POOL_ADDRESS: system.address,
    LOCAL_TELEGRAM_ADDRESS: local.address,
    GRPC_PORT: '0',
    ADMIN_PORT: '0',
    SHUTDOWN_GRACE: '2s',
    LOG_LEVEL: 'info',
    POST_CEILING: '1000000',
    ENGAGE_ACCOUNT_GAP: '0s',
    ENGAGE_ACCOUNT_ACTIONS_A_DAY: '1000000',
    ENGAGE_TARGET_ACTIONS_AN_HOUR: '1000000',
    ENGAGE_POST_ACTIONS_OF_A_KIND: '1000000',
  };
  const start = async (name: string, more: NodeJS.ProcessEnv) => {
    const program = await startProgram([mainOf(name)], { ...env, ...more }, 'serving');
    return { program, address: `127.0.0.1:${String(program.said['grpc_port'])}` };
  };
  const auth = await start('account-auth', {});
  const messaging = await start('messaging', { ACCOUNT_AUTH_ADDRESS: auth.address });
  const service = await start('engagement', {
    ACCOUNT_AUTH_ADDRESS: auth.address,
    MESSAGING_ADDRESS: messaging.address,
  });
  const accounts = connect(AccountAuthService, { address: auth.address, apiKey: system.apiKey });
  const engagement = connect(EngagementService, { address: service.address, apiKey: system.apiKey });
  let made = 0;
  const logIn = async (): Promise<BenchMember> => {
    const phone = `+1777${String(made++).padStart(7, '0')}`;
    const { account: user } = await local.control.createAccount({ account: { phone } });
    const { login } = await accounts.startLogin({ phone });
    const { code } = await local.control.getLoginCode({ phone, wait: { seconds: 10n } });
    const { account } = await accounts.submitCode({ loginId: login!.loginId, code: code!.code });
    return { accountId: account!.accountId, userId: user!.accountId };
  };
  return {
    local,
    system,
    engagement,
    async accounts(count) {
      const all: BenchMember[] = [];
      while (all.length < count) {
        const some = Math.min(LOGINS_AT_ONCE, count - all.length);
        all.push(...(await Promise.all(Array.from({ length: some }, logIn))));
      }
      return all;
    },
    async channel(creator, posts) {
      const username = `bench_${made++}_channel`;
      const { channel } = await local.control.createChannel({
        kind: ChannelKind.BROADCAST,
        title: username,
        username,
        creatorAccountId: creator.userId,
        withDiscussionGroup: true,
      });
      const answer = await local.control.createPosts({
        channelId: channel!.channelId,
        posts: Array.from({ length: posts }, (_, index) => ({ text: `post ${index}` })),
      });
      const { target } = await engagement.registerTarget({
        channel: `@${username}`,
        accountId: creator.accountId,
      });
      return {
        targetId: target!.targetId,
        postIds: answer.posts.map(({ messageId }) => BigInt(messageId)),
      };
    },
    async stop() {
      accounts.close();
      engagement.close();
      for (const { program } of [service, messaging, auth]) await program.stop();
      await local.stop();
      await system.stop();
    },
  };
}

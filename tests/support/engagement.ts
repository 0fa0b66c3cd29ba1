import { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import type { Action } from '#gen/telegate/engagement/v1/campaign_pb.ts';
import { EngagementService } from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { ChannelKind } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { operatorScopes, type Principal, type Role, type Scope } from '#lib/auth/principal.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import { createLogger } from '#lib/telemetry/log.ts';
import { migrateJobs } from '../../services/engagement/actions/job-schema.ts';
import { startMessagingMesh, type MessagingMesh } from './messaging.ts';
import { startServiceProcess, type ServiceProcess } from './service-process.ts';

export type EngagementClient = Client<typeof EngagementService>;

/** Real engagement processes, with real messaging, account-auth and pool, and a local Telegram. */
export interface EngagementMesh extends Pick<MessagingMesh, 'telegram' | 'control' | 'pool'> {
  readonly messaging: MessagingMesh;
  readonly replicas: readonly ServiceProcess[];
  readonly environment: NodeJS.ProcessEnv;
  replica(env?: Record<string, string>): Promise<ServiceProcess>;
  client(tenantId: string, options?: CallerOptions): EngagementClient;
  /** Accounts of a tenant that logged in here, by code. */
  accounts(tenantId: string, count: number, labels?: Record<string, string>): Promise<LoggedIn[]>;
  /** A channel with its discussion group and posts. */
  channel(creator: LoggedIn, posts: number): Promise<TestChannel>;
  stop(): Promise<void>;
}

export interface CallerOptions {
  readonly address?: string;
  readonly role?: Role;
  readonly scopes?: readonly Scope[];
}

export interface LoggedIn {
  readonly accountId: string;
  readonly sessionId: bigint;
  /** At Telegram. */
  readonly userId: string;
}

export interface TestChannel {
  readonly username: string;
  readonly channelId: string;
  readonly groupId: string;
  readonly postIds: bigint[];
}

export interface EngagementMeshOptions {
  readonly replicas?: number;
  /** For all processes. */
  readonly env?: Record<string, string>;
}

/** As a local Telegram allows: no gap, and room for whatever a test does. */
export const WITHOUT_LIMITS: Readonly<Record<string, string>> = {
  ENGAGE_ACCOUNT_GAP: '0s',
  ENGAGE_ACCOUNT_ACTIONS_A_DAY: '1000000',
  ENGAGE_TARGET_ACTIONS_AN_HOUR: '1000000',
  ENGAGE_POST_ACTIONS_OF_A_KIND: '1000000',
  POST_CEILING: '1000000',
};

const LOGINS_AT_ONCE = 8;
let phones = 0;
let channels = 0;

export async function startEngagementMesh(options: EngagementMeshOptions = {}): Promise<EngagementMesh> {
  const { replicas: count = 1, env: more = {} } = options;
  const messaging = await startMessagingMesh({ replicas: 0, env: more });
  const { pool, control, telegram } = messaging;
  const log = createLogger({ service: 'migrate', level: 'silent' });
  const [sender, accountAuth] = await Promise.all([
    messaging.replica(),
    startServiceProcess('account-auth', messaging.environment),
    migrateJobs({ url: pool.database.url, log }),
  ]);
  const environment = {
    ...messaging.environment,
    MESSAGING_ADDRESS: sender.address,
    ACCOUNT_AUTH_ADDRESS: accountAuth.address,
  };
  const started: ServiceProcess[] = [];
  const replica = async (env: Record<string, string> = {}): Promise<ServiceProcess> => {
    const one = await startServiceProcess('engagement', { ...environment, ...env });
    started.push(one);
    return one;
  };
  const replicas = await Promise.all(Array.from({ length: count }, () => replica()));
  const clients: { close(): void }[] = [];
  const open = <T extends { close(): void }>(client: T): T => {
    clients.push(client);
    return client;
  };
  const tokenOf = (tenantId: string, { role = 'user', scopes = [...operatorScopes] }: CallerOptions = {}) => {
    const caller: Principal = {
      tenantId,
      homeTenantId: tenantId,
      subject: 'key:test',
      role,
      scopes: new Set(scopes),
    };
    return () => pool.tokenOf(caller, 'gateway');
  };
  const accountClients = new Map<string, Client<typeof AccountAuthService>>();
  const accountsOf = (tenantId: string): Client<typeof AccountAuthService> => {
    const known = accountClients.get(tenantId);
    if (known) return known;
    const made = open(
      connect(AccountAuthService, { address: accountAuth.address, token: tokenOf(tenantId) }),
    );
    accountClients.set(tenantId, made);
    return made;
  };
  const login = async (tenantId: string, labels: Record<string, string>): Promise<LoggedIn> => {
    const phone = `+1559${String((phones += 1)).padStart(7, '0')}`;
    const { account: user } = await control.control.createAccount({ account: { phone } });
    const accounts = accountsOf(tenantId);
    const { login: begun } = await accounts.startLogin({ phone, labels });
    const { code } = await control.control.getLoginCode({ phone });
    const { account } = await accounts.submitCode({ loginId: begun!.loginId, code: code!.code });
    return { accountId: account!.accountId, sessionId: account!.sessionId, userId: user!.accountId };
  };
  return {
    messaging,
    telegram,
    control,
    pool,
    replicas,
    environment,
    replica,
    client: (tenantId, caller = {}) =>
      open(
        connect(EngagementService, {
          address: caller.address ?? replicas[0]!.address,
          token: tokenOf(tenantId, caller),
        }),
      ),
    async accounts(tenantId, wanted, labels = {}) {
      const all: LoggedIn[] = [];
      while (all.length < wanted) {
        const some = Math.min(LOGINS_AT_ONCE, wanted - all.length);
        all.push(...(await Promise.all(Array.from({ length: some }, () => login(tenantId, labels)))));
      }
      return all;
    },
    async channel(creator, posts) {
      const username = `engaged_${(channels += 1)}`;
      const { channel, discussionGroup } = await control.control.createChannel({
        kind: ChannelKind.BROADCAST,
        title: username,
        username,
        creatorAccountId: creator.userId,
        withDiscussionGroup: true,
      });
      const { channelId } = channel!;
      const made = await control.control.createPosts({
        channelId,
        posts: Array.from({ length: posts }, (_, index) => ({ text: `post ${index + 1}` })),
      });
      return {
        username,
        channelId,
        groupId: discussionGroup!.channelId,
        postIds: made.posts.map(({ messageId }) => BigInt(messageId)),
      };
    },
    async stop() {
      for (const client of clients) client.close();
      await Promise.all(started.map((one) => one.stop()));
      await accountAuth.stop();
      await messaging.stop();
    },
  };
}

/** Every action of a campaign, by due time. */
export async function actionsOf(client: EngagementClient, campaignId: string): Promise<Action[]> {
  const all: Action[] = [];
  let pageToken = '';
  do {
    const page = await client.listActions({ campaignId, pageSize: 1_000, pageToken });
    all.push(...page.actions);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return all;
}

import { randomUUIDv7 } from 'node:crypto';
import { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { MessagingService } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { createMeshTokenSource, meshKeys } from '#lib/auth/mesh-token.ts';
import { servicePrincipal } from '#lib/auth/principal.ts';
import { runProcess, type Scope } from '#lib/lifecycle/process.ts';
import { connect } from '#lib/rpc/client.ts';
import { readMeshTls } from '#lib/rpc/tls.ts';
import { openService, serveService } from '#lib/service/service.ts';
import { REAL_TELEGRAM } from '#lib/telegram/environment.ts';
import { findTelegram } from '#lib/telegram/find-environment.ts';
import { consumeActors } from './actions/account-events.ts';
import { actionPieces, startActions } from './actions/actions.ts';
import { waitForJobs } from './actions/job-schema.ts';
import { actionRoutes } from './actions/routes.ts';
import { campaignRoutes } from './campaigns/routes.ts';
import { startCampaigns } from './campaigns/sweep.ts';
import { fields } from './config.ts';
import type { Engagement, EngagementSettings } from './engagement.ts';
import { consumeAccounts } from './targets/account-events.ts';
import { keepHouse } from '#lib/service/housekeeping.ts';
import { limitRoutes } from './limit-routes.ts';
import { limitsOn, recordRaised } from './limits.ts';
import { engagementRoutes } from './routes.ts';
import { stoppingRoutes } from './stopping/routes.ts';
import type { EngagementTables } from './tables.ts';
import { targetRoutes } from './targets/routes.ts';
import { startVerifying } from './targets/sweep.ts';
import { openTexts, type TextSettings } from './texts/texts.ts';

const MIGRATIONS = new URL('./migrations', import.meta.url);

/** How soon a job is seen whose time has come; new ones are told at once. */
const JOB_POLL_MS = 500;

type Config = Scope<typeof fields>['config'];

await runProcess({
  name: 'engagement',
  purpose: 'Runs paced, disclosed campaigns in channels that their tenant administers.',
  fields,
  env: process.env,
  argv: process.argv.slice(2),
  main,
});

/** Opened in this order, closed in the reverse. */
async function main(scope: Scope<typeof fields>): Promise<void> {
  const { config, clock, log, onStop } = scope;
  const service = await openService<EngagementTables>(scope, {
    schema: 'engagement',
    migrations: MIGRATIONS,
  });
  await waitForJobs({
    url: config.databaseUrl,
    timeoutMs: config.startTimeout,
    log,
    clock,
    signal: scope.stopping,
  });
  const { database, bus, wakeRelay } = service;
  const telegram = await findTelegram(config, {
    apiKey: config.operatorKey,
    clock,
    log,
    timeoutMs: config.startTimeout,
    signal: scope.stopping,
  });
  const settings = settingsOf(config, telegram?.id ?? REAL_TELEGRAM);
  const processId = `engagement:${randomUUIDv7()}`;
  const { environment, limits } = settings;
  await recordRaised(database.kysely, { processId, environment, limits }, log);

  const tls = await readMeshTls(config);
  const tokenFor = createMeshTokenSource(meshKeys(config.meshKey), scope.name, clock);
  const toMesh = {
    balancing: 'round_robin',
    token: (caller: Parameters<typeof tokenFor>[0] | undefined) =>
      tokenFor(caller ?? servicePrincipal(scope.name, '')),
    clock,
    ...(tls === undefined ? {} : { tls }),
  } as const;
  const messaging = connect(MessagingService, { ...toMesh, address: config.messagingAddress });
  const accounts = connect(AccountAuthService, { ...toMesh, address: config.accountAuthAddress });
  onStop('clients of the mesh', () => {
    messaging.close();
    accounts.close();
  });
  const engagement: Engagement = {
    database,
    messaging,
    accounts,
    texts: openTexts(textSettings(config), { database, clock, random: Math.random }),
    clock,
    random: Math.random,
    log,
    settings,
    wakeRelay,
  };
  onStop('housekeeping', keepHouse(engagement, actionPieces(engagement)));
  const campaigns = startCampaigns(engagement);
  onStop('campaigns', () => campaigns.stop());
  const verifying = startVerifying(engagement, { perMinute: config.verifyPerMinute });
  onStop('verifying', () => verifying.stop());
  const administrators = await consumeAccounts(database, bus);
  onStop('administrators', () => administrators.stop());
  const actors = await consumeActors(engagement, bus);
  onStop('actors', () => actors.stop());

  const actions = startActions(engagement, {
    url: config.databaseUrl,
    concurrency: config.actionConcurrency,
    leaseMs: config.actionLease,
    pollMs: JOB_POLL_MS,
    graceMs: config.shutdownGrace,
  });
  onStop('actions', () => actions.stop(), config.shutdownGrace + 5_000);

  await serveService(scope, service, {
    what: 'campaigns',
    implementations: [
      engagementRoutes({
        ...targetRoutes(engagement),
        ...campaignRoutes(engagement, { onStop, wake: () => campaigns.wake() }),
        ...actionRoutes(engagement),
        ...stoppingRoutes(engagement),
        ...limitRoutes(engagement),
      }),
    ],
    source: { address: config.accountAuthAddress, tls },
  });
}

function settingsOf(config: Config, environment: string): EngagementSettings {
  const { accountDaily, accountGap: accountGapMs, targetHourly, postCeiling } = config;
  return {
    environment,
    limits: limitsOn(environment, { accountDaily, accountGapMs, targetHourly, postCeiling }),
    verifyEveryMs: config.verifyEvery,
    verifyWhileRunningMs: config.verifyWhileRunning,
    newPostsEveryMs: config.newPostsEvery,
  };
}

/** Without an address there is no model, and comments come from templates. */
function textSettings(config: Config): TextSettings {
  const { disclosureLine, modelBaseUrl: baseUrl, modelName } = config;
  if (baseUrl !== undefined && modelName === undefined)
    throw new Error('MODEL_BASE_URL is set and MODEL_NAME is not: name the model to ask there');
  return {
    disclosureLine,
    model:
      baseUrl === undefined
        ? undefined
        : {
            baseUrl,
            name: modelName!,
            apiKey: config.modelApiKey,
            timeoutMs: config.modelTimeout,
            retries: config.modelRetries,
            concurrency: config.modelConcurrency,
            answerTokens: config.modelAnswerTokens,
          },
    budgets: { deployment: config.modelDailyTokens, campaign: config.modelCampaignDailyTokens },
  };
}

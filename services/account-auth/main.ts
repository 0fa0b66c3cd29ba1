import { createMeshTokenVerifier, meshKeys } from '#lib/auth/mesh-token.ts';
import { DEFAULT_OPERATOR_TENANT } from '#lib/auth/authenticate.ts';
import { openAuthenticator } from '#lib/auth/open.ts';
import { openBus } from '#lib/events/bus.ts';
import { startRelay } from '#lib/events/relay.ts';
import { runProcess, type Scope } from '#lib/lifecycle/process.ts';
import { openDatabase } from '#lib/postgres/database.ts';
import { waitForMigrations } from '#lib/postgres/migrate.ts';
import { serve } from '#lib/rpc/server.ts';
import { readMeshTls, readTls } from '#lib/rpc/tls.ts';
import { startAdminServer, type Readiness } from '#lib/telemetry/admin.ts';
import { startTelemetry } from '#lib/telemetry/sdk.ts';
import packageJson from '../../package.json' with { type: 'json' };
import type { AccountAuth } from './account-auth.ts';
import { connectAccounts } from './accounts/connect.ts';
import { fields } from './config.ts';
import { ensureOperator } from './identity/first-operator.ts';
import type { Identity } from './identity/identity.ts';
import { localCredentials } from './identity/local-credentials.ts';
import { openIdentity } from './identity/open.ts';
import { identityRoutes } from './identity/routes.ts';
import { connectLogins } from './login/connect.ts';
import { loginRoutes } from './login/routes.ts';
import { accountAuthRoutes } from './routes.ts';
import type { AccountAuthTables } from './tables.ts';

const SCHEMA = 'account_auth';
/** Six times as long as anybody keeps the public keys: the next one is known everywhere before it signs. */
const PUBLISH_AHEAD_MS = 60 * 60_000;
const MIGRATIONS = new URL('./migrations', import.meta.url).pathname;

type Config = Scope<typeof fields>['config'];

await runProcess({
  name: 'account-auth',
  purpose: 'Knows who may call (users, tokens and API keys), and logs Telegram accounts in.',
  version: packageJson.version,
  fields,
  env: process.env,
  argv: process.argv.slice(2),
  main,
});

function starting(): Readiness {
  return { ok: false, waitingFor: ['database', 'migrations'] };
}

/** Opened in this order, closed in the reverse. */
async function main(scope: Scope<typeof fields>): Promise<void> {
  const { config, clock, log, env, onStop } = scope;
  const { databaseUrl: url } = config;
  const telemetry = startTelemetry({ service: scope.name, version: packageJson.version, env, log });
  onStop('telemetry', () => telemetry.shutdown());

  let readiness = starting;
  const admin = await startAdminServer({
    host: config.listenHost,
    port: config.adminPort,
    ready: () => readiness(),
    log,
  });
  onStop('admin server', () => admin.close());

  await waitForMigrations({
    url,
    schema: SCHEMA,
    folder: MIGRATIONS,
    timeoutMs: config.startTimeout,
    log,
    clock,
    signal: scope.stopping,
  });
  const database = openDatabase<AccountAuthTables>({
    url,
    schema: SCHEMA,
    poolSize: config.databasePoolSize,
    applicationName: 'telegate account-auth',
    log,
  });
  onStop('database', () => database.close());
  const bus = await openBus({ natsUrl: config.natsUrl, databaseUrl: url, log });
  onStop('events', () => bus.close());
  const relay = startRelay({ url, schema: SCHEMA, bus, log, clock });
  onStop('relay', () => relay.stop());

  const base: AccountAuth = {
    database,
    masterKeys: config.masterKey,
    clock,
    log,
    wakeRelay: () => relay.wake(),
  };
  const identity = await openIdentity(base, { ...identitySettings(config), onStop });
  const tls = await readMeshTls(config);
  const logins = await connectLogins(base, scope, { version: packageJson.version, tls });
  const accountHandlers = await connectAccounts(base, scope, { bus, logins, tls });
  await ensureOperator(identity, config.operatorEmail, (text) => process.stderr.write(text));

  const server = await serve({
    host: config.listenHost,
    port: config.grpcPort,
    implementations: [
      identityRoutes(identity, createMeshTokenVerifier(meshKeys(config.meshKey), clock)),
      accountAuthRoutes({ ...loginRoutes(logins), ...accountHandlers }),
    ],
    authenticate: await openAuthenticator({
      service: scope.name,
      config,
      source: localCredentials(identity),
      bus,
      clock,
      log,
      onStop,
    }),
    tls: await readTls(config),
    reflection: config.reflection,
    log,
    clock,
  });
  onStop('gRPC server', () => server.drain(config.shutdownGrace), config.shutdownGrace + 5_000);
  readiness = () => ({ ok: true });
  server.setServing(true);
  onStop('readiness', () => {
    readiness = () => ({ ok: false, waitingFor: ['the end of this process'] });
  });
  log.info(
    { kind: 'serving', grpc_port: server.port, admin_port: admin.port },
    `identities are served on ${config.listenHost}:${server.port}`,
  );
}

function identitySettings(config: Config): {
  settings: Identity['settings'];
  tokenKeys: { keyLifeMs: number; publishAheadMs: number };
} {
  return {
    settings: {
      openRegistration: config.registration === 'open',
      loginTtlMs: config.loginTtl,
      attempts: {
        perUser: config.attemptsPerUser,
        perAddress: config.attemptsPerAddress,
        registrationsPerAddress: config.registrationsPerAddress,
        windowMs: config.attemptsWindow,
      },
      operatorTenant: config.operatorTenant ?? DEFAULT_OPERATOR_TENANT,
    },
    tokenKeys: { keyLifeMs: config.signingKeyLife, publishAheadMs: PUBLISH_AHEAD_MS },
  };
}

import { createMeshTokenVerifier, meshKeys } from '#lib/auth/mesh-token.ts';
import { DEFAULT_OPERATOR_TENANT } from '#lib/auth/authenticate.ts';
import { runProcess, type Scope } from '#lib/lifecycle/process.ts';
import { openService, serveService } from '#lib/service/service.ts';
import { readMeshTls } from '#lib/rpc/tls.ts';
import type { AccountAuth } from './account-auth.ts';
import { connectAccounts } from './accounts/connect.ts';
import { fields } from './config.ts';
import { ensureOperator } from './identity/first-operator.ts';
import type { Identity } from './identity/identity.ts';
import { localCredentials } from './identity/local-credentials.ts';
import { openIdentity } from './identity/open.ts';
import { identityRoutes } from './identity/routes.ts';
import { connectLogins } from './login/connect.ts';
import { tellingLogins } from './login/deeds.ts';
import { loginRoutes } from './login/routes.ts';
import { accountAuthRoutes } from './routes.ts';
import type { AccountAuthTables } from './tables.ts';

const SCHEMA = 'account_auth';
/** Six times as long as anybody keeps the public keys: the next one is known everywhere before it signs. */
const PUBLISH_AHEAD_MS = 60 * 60_000;
const MIGRATIONS = new URL('./migrations', import.meta.url);

type Config = Scope<typeof fields>['config'];

await runProcess({
  name: 'account-auth',
  purpose: 'Knows who may call (users, tokens and API keys), and logs Telegram accounts in.',
  fields,
  env: process.env,
  argv: process.argv.slice(2),
  main,
});

/** Opened in this order, closed in the reverse. */
async function main(scope: Scope<typeof fields>): Promise<void> {
  const { config, clock, log, version, onStop } = scope;
  const service = await openService<AccountAuthTables>(scope, {
    schema: SCHEMA,
    migrations: MIGRATIONS,
  });
  const { database, bus, wakeRelay } = service;

  const base: AccountAuth = {
    database,
    masterKeys: config.masterKey,
    clock,
    log,
    wakeRelay,
  };
  const identity = await openIdentity(base, { ...identitySettings(config), onStop });
  const tls = await readMeshTls(config);
  const logins = await connectLogins(base, scope, { version, tls });
  const accountHandlers = await connectAccounts(base, scope, { bus, logins, tls });
  await ensureOperator(identity, config.operatorEmail, (text) => process.stderr.write(text));

  await serveService(scope, service, {
    what: 'identities',
    implementations: [
      identityRoutes(identity, createMeshTokenVerifier(meshKeys(config.meshKey), clock)),
      accountAuthRoutes({ ...tellingLogins(log, loginRoutes(logins)), ...accountHandlers }),
    ],
    source: localCredentials(identity),
  });
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

import { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { operatorScopes, servicePrincipal, type Principal, type Scope } from '#lib/auth/principal.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import { startServiceProcess, type ServiceProcess } from './service-process.ts';
import { startControl, type TestControl } from './local-telegram-control.ts';
import { startTestTelegram, type TestTelegram } from './local-telegram.ts';
import { startPoolMesh, type PoolMesh } from './session-pool.ts';

export type AccountAuthClient = Client<typeof AccountAuthService>;

/** Everything that takes part in a login, as processes of their own; Telegram alone is of this one. */
export interface LoginProcesses {
  readonly telegram: TestTelegram;
  readonly control: TestControl;
  readonly pool: PoolMesh;
  readonly registry: ServiceProcess;
  readonly replicas: readonly ServiceProcess[];
  client(tenantId: string, options?: { replica?: number; scopes?: Scope[] }): AccountAuthClient;
  proxies(tenantId: string): Client<typeof ProxyRegistryService>;
  tokenOf(principal: Principal): Promise<string>;
  stop(): Promise<void>;
}

export async function startLoginProcesses(
  options: { replicas?: number; env?: Record<string, string> } = {},
): Promise<LoginProcesses> {
  const { replicas: count = 1, env: more = {} } = options;
  const telegram = await startTestTelegram();
  const control = await startControl(telegram.telegram);
  const pool = await startPoolMesh({ env: more });
  const env = {
    ...pool.environment,
    LOCAL_TELEGRAM_ADDRESS: control.address,
    SESSION_POOL_ADDRESS: pool.replicas[0]!.address,
    ALLOW_PRIVATE_PROXIES: 'loopback',
    PROXY_CHECK_TIMEOUT: '2s',
    TELEGRAM_LOGIN_CLAIM: '2s',
    REGISTRATIONS_PER_ADDRESS: '1000',
    ...more,
  };
  const registry = await startServiceProcess('proxy-registry', env);
  const replicas = await Promise.all(
    Array.from({ length: count }, () =>
      startServiceProcess('account-auth', { ...env, PROXY_REGISTRY_ADDRESS: registry.address }),
    ),
  );
  const clients: { close(): void }[] = [];
  const opened = <T extends { close(): void }>(client: T): T => {
    clients.push(client);
    return client;
  };
  return {
    telegram,
    control,
    pool,
    registry,
    replicas,
    client: (tenantId, { replica = 0, scopes } = {}) =>
      opened(
        connect(AccountAuthService, {
          address: replicas[replica]!.address,
          token: () => pool.tokenOf(user(tenantId, scopes)),
        }),
      ),
    proxies: (tenantId) =>
      opened(
        connect(ProxyRegistryService, {
          address: registry.address,
          token: () => pool.tokenOf(servicePrincipal('tests', tenantId)),
        }),
      ),
    tokenOf: (principal) => pool.tokenOf(principal),
    async stop() {
      for (const client of clients) client.close();
      await Promise.all(replicas.map((replica) => replica.stop()));
      await registry.stop();
      await pool.stop();
      await control.close();
      await telegram.close();
    },
  };
}

function user(tenantId: string, scopes: Scope[] = [...operatorScopes]): Principal {
  return { tenantId, homeTenantId: tenantId, subject: 'key:test', role: 'user', scopes: new Set(scopes) };
}

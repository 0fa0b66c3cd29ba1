import { createHmac, randomUUIDv7 } from 'node:crypto';
import { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { createMeshTokenSource, meshKeys } from '#lib/auth/mesh-token.ts';
import { servicePrincipal } from '#lib/auth/principal.ts';
import type { EventBus } from '#lib/events/bus.ts';
import type { Scope } from '#lib/lifecycle/process.ts';
import { connect, type ClientTls } from '#lib/rpc/client.ts';
import { REAL_TELEGRAM } from '#lib/telegram/environment.ts';
import { HeldSessions } from '#lib/telegram/held/held-sessions.ts';
import { PingWheel } from '#lib/telegram/ping-wheel.ts';
import type { AccountAuth } from '../account-auth.ts';
import type { fields } from '../config.ts';
import type { Logins } from '../login/logins.ts';
import { SERVICE, type Accounts } from './accounts.ts';
import { observeAccounts } from './metrics.ts';
import { accountRoutes, type AccountHandlers } from './routes.ts';
import { consumeSessionEvents } from './session-events.ts';
import { startSettling } from './settle.ts';
import { startHealthSweep } from './sweep.ts';
import type { AccountsOnTelegram } from './visit.ts';

export interface ConnectAccountsOptions {
  bus: EventBus;
  /** None where no Telegram is named: then accounts are listed, and neither checked nor logged out. */
  logins: Logins | undefined;
  tls: ClientTls | undefined;
}

/** Accounts as the configuration has them, and what happens to them without a call. */
export async function connectAccounts(
  base: AccountAuth,
  { config, clock, log, onStop }: Scope<typeof fields>,
  { bus, logins, tls }: ConnectAccountsOptions,
): Promise<AccountHandlers> {
  const tokenFor = createMeshTokenSource(meshKeys(config.meshKey), SERVICE, clock);
  const own = servicePrincipal(SERVICE, '');
  const mesh = {
    token: (caller: typeof own | undefined) => tokenFor(caller ?? own),
    balancing: 'round_robin' as const,
    ...(tls ? { tls } : {}),
  };
  const sessionPool = connect(SessionPoolService, { ...mesh, address: config.sessionPoolAddress });
  onStop('session-pool client of the accounts', () => sessionPool.close());
  const address = config.proxyRegistryAddress;
  const registry = address === undefined ? undefined : connect(ProxyRegistryService, { ...mesh, address });
  onStop('proxy-registry client of the accounts', () => registry?.close());

  const telegram = logins && openVisits(logins);
  function openVisits({ telegram: access, egress }: Logins): AccountsOnTelegram {
    const held = new HeldSessions({
      clients: [sessionPool],
      processId: `${SERVICE} ${randomUUIDv7()}`,
      principal: own,
      clock,
      log,
      random: Math.random,
    });
    onStop('visits', () => held.close());
    // Spans of all replicas call an account the same.
    const tagKey = createHmac('sha256', config.meshKey[0]!).update('account tags').digest();
    return { ...access, held, egress, pings: new PingWheel(clock), tagKey, random: Math.random };
  }

  const quiet = { ...base, sessionPool, environment: logins?.telegram.environment.id ?? REAL_TELEGRAM };
  const settling = startSettling({ accounts: quiet, telegram, registry });
  onStop('settling', () => settling.stop());
  const accounts: Accounts = { ...quiet, wakeSettling: () => settling.wake() };
  const consumer = await consumeSessionEvents(accounts, bus);
  onStop('session events', () => consumer.stop());
  onStop('account metrics', observeAccounts(accounts));
  if (telegram && config.healthSweepPerMinute > 0) {
    const sweep = startHealthSweep(accounts, telegram, { perMinute: config.healthSweepPerMinute });
    onStop('health sweep', () => sweep.stop());
  }
  return accountRoutes(accounts, telegram);
}

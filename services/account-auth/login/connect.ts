import { randomUUIDv7 } from 'node:crypto';
import { access, constants } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { createMeshTokenSource, meshKeys } from '#lib/auth/mesh-token.ts';
import type { Scope } from '#lib/lifecycle/process.ts';
import { connect, type ClientTls } from '#lib/rpc/client.ts';
import { findTelegram } from '#lib/telegram/find-environment.ts';
import { REAL_TELEGRAM } from '#lib/telegram/environment.ts';
import type { AccountAuth } from '../account-auth.ts';
import type { fields } from '../config.ts';
import { openTelegram } from '../telegram.ts';
import { fromRegistry, withoutRegistry } from './egress.ts';
import type { Logins } from './logins.ts';
import { openLogins } from './open.ts';

const WINDOW_MS = 60 * 60_000;

/** Logins as the configuration has them; none where no Telegram is named. */
export async function connectLogins(
  base: AccountAuth,
  scope: Scope<typeof fields>,
  options: { version: string; tls: ClientTls | undefined },
): Promise<Logins | undefined> {
  const { config, clock, log, onStop, name: service } = scope;
  const environment = await findTelegram(config, {
    apiKey: config.operatorKey,
    clock,
    log,
    timeoutMs: config.startTimeout,
    signal: scope.stopping,
  });
  if (!environment) return undefined;
  const tokenFor = createMeshTokenSource(meshKeys(config.meshKey), service, clock);
  const mesh = {
    token: (caller: Parameters<typeof tokenFor>[0] | undefined) => tokenFor(caller!),
    balancing: 'round_robin' as const,
    ...(options.tls ? { tls: options.tls } : {}),
  };
  const sessionPool = connect(SessionPoolService, { ...mesh, address: config.sessionPoolAddress });
  onStop('session-pool client', () => sessionPool.close());
  const allowDirect = config.allowDirect || environment.id !== REAL_TELEGRAM;
  const { proxyRegistryAddress } = config;
  const registry =
    proxyRegistryAddress === undefined
      ? undefined
      : connect(ProxyRegistryService, { ...mesh, address: proxyRegistryAddress });
  onStop('proxy-registry client', () => registry?.close());
  return openLogins({
    ...base,
    settings: {
      ttlMs: config.telegramLoginTtl,
      attempts: config.telegramLoginAttempts,
      codesPerPhone: config.codesPerPhone,
      loginsPerTenant: config.loginsPerTenant,
      windowMs: WINDOW_MS,
      claimTtlMs: config.telegramLoginClaim,
      exportDir: await writableFolder(config.sessionExportDir),
    },
    telegram: openTelegram({
      environment,
      version: options.version,
      clock,
      log,
      random: Math.random,
      onStop,
    }),
    egress: registry
      ? fromRegistry(registry, { service, processId: randomUUIDv7(), log })
      : withoutRegistry({ allowDirect }),
    sessionPool,
    onStop,
  });
}

async function writableFolder(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const folder = resolve(path);
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new Error(`SESSION_EXPORT_DIR (${folder}) is no folder that can be written to.`, { cause });
  }
  return folder;
}

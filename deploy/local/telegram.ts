import { LocalTelegramService } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { connect } from '#lib/rpc/client.ts';
import type { Home } from './home.ts';
import type { Launch } from './launch-context.ts';
import type { MeshTelegram } from './mesh-file.ts';
import type { ServiceEntry } from './registry.ts';
import type { Settings } from './settings.ts';

/** The local Telegram stands in where no application at my.telegram.org is named. */
export function runsHere(service: ServiceEntry, settings: Pick<Settings, 'telegramApiId'>): boolean {
  return service.mtprotoPort === undefined || settings.telegramApiId === undefined;
}

/** What one service gets besides what all do; the person's own variables come first. */
export function ownEnvironment(
  launch: Pick<Launch, 'options' | 'env' | 'settings'>,
  service: ServiceEntry,
  home: Home,
): Record<string, string> {
  if (service.mtprotoPort !== undefined) return telegramEnvironment(launch, service, home);
  if (launch.settings.telegramApiId !== undefined) return {};
  const { env } = launch;
  // Beside a local Telegram proxies are of this machine too, and nobody minds how quickly accounts act.
  if (service.name === 'proxy-registry')
    return { ALLOW_PRIVATE_PROXIES: env['ALLOW_PRIVATE_PROXIES'] || 'loopback' };
  if (service.name === 'engagement') return { ENGAGE_ACCOUNT_GAP: env['ENGAGE_ACCOUNT_GAP'] || '0s' };
  return {};
}

/** Where it listens for MTProto and keeps its state. */
export function telegramEnvironment(
  { options, env }: Pick<Launch, 'options' | 'env'>,
  service: ServiceEntry,
  home: Home,
): Record<string, string> {
  return {
    MTPROTO_PORT: options.ephemeral ? '0' : (env['MTPROTO_PORT'] ?? String(service.mtprotoPort)),
    STATE_FILE: env['STATE_FILE'] ?? home.telegram,
  };
}

const ANSWER_LIMIT_MS = 10_000;

export async function readLocalTelegram(address: string, apiKey: string): Promise<MeshTelegram> {
  const client = connect(LocalTelegramService, { address, apiKey, defaultDeadlineMs: ANSWER_LIMIT_MS });
  try {
    const info = await client.getServerInfo({});
    return {
      kind: 'local',
      environment: info.environment,
      dataCenters: info.dataCenters.map(({ dataCenter, host, port }) => ({ id: dataCenter, host, port })),
      defaultDataCenter: info.defaultDataCenter,
      publicKey: info.rsaPublicKeyPem,
      fingerprint: info.rsaFingerprint,
    };
  } finally {
    client.close();
  }
}

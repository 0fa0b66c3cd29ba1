import { systemClock, type Clock } from '#lib/lifecycle/clock.ts';
import { createLogger, type Logger } from '#lib/telemetry/log.ts';
import { direct } from '#lib/telegram/egress.ts';
import type { TelegramEnvironment } from '#lib/telegram/environment.ts';
import type { Application, Link, LinkOptions } from '#lib/telegram/link.ts';
import { openLink } from '#lib/telegram/open-link.ts';
import type { Telegram } from '../../services/local-telegram/telegram.ts';

/* The driver, pointed at a local Telegram of a test. */

export const application: Application = {
  deviceModel: 'test',
  systemVersion: 'test',
  appVersion: '0.0.0',
  langCode: 'en',
  systemLangCode: 'en',
};

export const quiet: Logger = createLogger({ service: 'driver', level: 'silent' });

export function environmentOf(telegram: Telegram): TelegramEnvironment {
  const { modulus, exponent, fingerprint } = telegram.serverKey;
  return {
    id: 'local-test',
    dataCenters: new Map(telegram.dataCenters.map(({ id, host, port }) => [id, { host, port }])),
    defaultDataCenter: 2,
    publicKeys: new Map([[fingerprint, { modulus, exponent }]]),
    apiId: 1,
    apiHash: 'local',
  };
}

export function linkOptions(telegram: TelegramEnvironment, options: Partial<LinkOptions> = {}): LinkOptions {
  const clock: Clock = systemClock;
  return {
    telegram,
    dataCenter: telegram.defaultDataCenter,
    egress: direct,
    application,
    connectTimeoutMs: 5_000,
    clock,
    log: quiet,
    ...options,
  };
}

export function linkTo(telegram: TelegramEnvironment, options: Partial<LinkOptions> = {}): Promise<Link> {
  return openLink(linkOptions(telegram, options));
}

import { createBreakers, type Breakers } from '#lib/telegram/breakers.ts';
import { observeBreakers } from '#lib/telegram/call-measures.ts';
import type { TelegramEnvironment } from '#lib/telegram/environment.ts';
import type { Application } from '#lib/telegram/link.ts';
import { probeWith } from '#lib/telegram/probe.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';

/** How this process reaches Telegram. */
export interface TelegramAccess {
  readonly environment: TelegramEnvironment;
  readonly application: Application;
  readonly breakers: Breakers;
}

export interface OpenTelegramOptions {
  readonly environment: TelegramEnvironment;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
  random(): number;
  onStop(name: string, stop: () => Promise<void> | void): void;
}

export function openTelegram(options: OpenTelegramOptions): TelegramAccess {
  const { environment, version, clock, log, random, onStop } = options;
  const application: Application = {
    deviceModel: 'TeleGate',
    systemVersion: 'Linux',
    appVersion: version,
    langCode: 'en',
    systemLangCode: 'en',
  };
  const probe = probeWith({ telegram: environment, application, clock, log });
  const breakers = createBreakers({ clock, random, log, probe });
  onStop('breakers', () => breakers.close());
  onStop('breaker metrics', observeBreakers(breakers));
  return { environment, application, breakers };
}

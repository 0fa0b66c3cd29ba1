import type { Clock } from '#lib/lifecycle/clock.ts';
import { measureCondition } from '#lib/telegram/call-measures.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { LoginsStopped } from './errors.ts';

/** After so long one login tries again: perhaps somebody has seen to it at Telegram's side. */
const STOP_MS = 10 * 60_000;

/** Once Telegram has refused the application, this process asks it for no login until the time is over. */
export interface ApplicationStop {
  check(): void;
  refused(telegramError: string): LoginsStopped;
}

export function createApplicationStop({ clock, log }: { clock: Clock; log: Logger }): ApplicationStop {
  let stop: { telegramError: string; until: number } | undefined;
  return {
    check() {
      const leftMs = (stop?.until ?? 0) - clock.monotonic();
      if (stop && leftMs > 0) throw new LoginsStopped(stop.telegramError, leftMs);
    },
    refused(telegramError) {
      stop = { telegramError, until: clock.monotonic() + STOP_MS };
      measureCondition('logins_stop');
      log.error({ event: 'logins_stopped', telegramError }, 'Telegram refuses this application: no logins');
      return new LoginsStopped(telegramError, STOP_MS);
    },
  };
}

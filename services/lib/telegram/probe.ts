import type { Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { Way } from './breaker.ts';
import type { TelegramEnvironment } from './environment.ts';
import type { Application } from './link.ts';
import { openLink } from './open-link.ts';

export interface ProbeOptions {
  readonly telegram: TelegramEnvironment;
  readonly application: Application;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Half of what a breaker gives a probe, so that the ping has the other half. */
const CONNECT_LIMIT_MS = 5_000;
const PING_LIMIT_MS = 5_000;

/** What breakers ask with: a connection under a key of its own, which is nobody's, and one ping. */
export function probeWith(options: ProbeOptions): (way: Way, signal: AbortSignal) => Promise<void> {
  return async ({ egress, dataCenter }, signal) => {
    const link = await openLink({
      ...options,
      egress,
      dataCenter,
      connectTimeoutMs: CONNECT_LIMIT_MS,
      signal,
    });
    try {
      await link.ping({ deadlineMs: PING_LIMIT_MS, signal });
    } finally {
      await link.close();
    }
  };
}

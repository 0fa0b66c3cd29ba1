import { systemClock, type Clock } from '#lib/lifecycle/clock.ts';
import { createLogger, type Logger } from '#lib/telemetry/log.ts';
import { AccountSession, type AccountSessionOptions } from '#lib/telegram/account-session.ts';
import { createBreakers } from '#lib/telegram/breakers.ts';
import { direct } from '#lib/telegram/egress.ts';
import type { TelegramEnvironment } from '#lib/telegram/environment.ts';
import { LeaseLost } from '#lib/telegram/errors.ts';
import { createFloodGate } from '#lib/telegram/flood-gate.ts';
import type { LeaseGuard } from '#lib/telegram/guard.ts';
import type { ConnectionState } from '#lib/telegram/lasting-link.ts';
import type { Application, Link, LinkOptions } from '#lib/telegram/link.ts';
import { openLink } from '#lib/telegram/open-link.ts';
import { PingWheel } from '#lib/telegram/ping-wheel.ts';
import type { ReportedWait } from '#lib/telegram/session-reports.ts';
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

export interface TestGuard extends LeaseGuard {
  lose(): void;
}

/** A lease that lasts until it is lost. */
export function heldLease(sessionId = 1n): TestGuard {
  const lost = new AbortController();
  return {
    sessionId,
    fencingToken: 1n,
    check() {
      lost.signal.throwIfAborted();
    },
    remainingMs: () => (lost.signal.aborted ? 0 : Number.MAX_SAFE_INTEGER),
    lost: lost.signal,
    lose: () => lost.abort(new LeaseLost(sessionId)),
  };
}

export interface SessionSetup {
  telegram: TelegramEnvironment;
  dataCenter: number;
  authKey: Buffer;
  options?: Partial<AccountSessionOptions>;
}

/** An account's session with everything real, and what it reported. */
export function makeSession({ telegram, dataCenter, authKey, options = {} }: SessionSetup) {
  const guard = heldLease();
  const reports: ReportedWait[] = [];
  const conditions: string[] = [];
  const states: ConnectionState[] = [];
  const clock = options.clock ?? systemClock;
  const breakers = createBreakers({ clock, random: Math.random, log: quiet, probe: () => Promise.resolve() });
  const session = new AccountSession({
    telegram,
    guard,
    dataCenter,
    authKey,
    egress: direct,
    accountId: 'account',
    accountTag: 'tag',
    application,
    breakers,
    gate: createFloodGate({ sessionId: guard.sessionId, clock }),
    reports: {
      floodWait: (wait) => void reports.push(wait),
      condition: (condition) => void conditions.push(condition),
    },
    pings: new PingWheel(clock),
    keyMoved: () => Promise.resolve(),
    onState: (state) => void states.push(state),
    clock,
    random: Math.random,
    log: quiet,
    connectTimeoutMs: 2_000,
    ...options,
  });
  session.start();
  return {
    session,
    guard: (options.guard as TestGuard | undefined) ?? guard,
    breakers,
    reports,
    conditions,
    states,
  };
}

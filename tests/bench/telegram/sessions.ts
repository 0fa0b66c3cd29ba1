import { randomInt } from 'node:crypto';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { createLogger } from '#lib/telemetry/log.ts';
import { AccountSession } from '#lib/telegram/account-session.ts';
import { createBreakers, type Breakers } from '#lib/telegram/breakers.ts';
import { direct } from '#lib/telegram/egress.ts';
import type { TelegramEnvironment } from '#lib/telegram/environment.ts';
import { createFloodGate } from '#lib/telegram/flood-gate.ts';
import type { LeaseGuard } from '#lib/telegram/guard.ts';
import type { ConnectionState } from '#lib/telegram/lasting-link.ts';
import { PingWheel } from '#lib/telegram/ping-wheel.ts';
import { UpdateLoop } from '#lib/telegram/updates.ts';

/* Sessions of the driver as messaging holds them, but for leases that last for ever. */

export interface Process {
  readonly telegram: TelegramEnvironment;
  readonly breakers: Breakers;
  readonly pings: PingWheel;
}

const clock = systemClock;
const log = createLogger({ service: 'bench', level: 'error' });

export function newProcess(telegram: TelegramEnvironment): Process {
  return {
    telegram,
    breakers: createBreakers({ clock, random, log, probe: noProbe }),
    pings: new PingWheel(clock),
  };
}

export interface Opened {
  readonly session: AccountSession;
  close(): Promise<void>;
}

let nextId = 1n;

/** Resolves when the session is connected. */
export async function openSession(
  { telegram, breakers, pings }: Process,
  authKey: Buffer,
  options: { updates: boolean },
): Promise<Opened> {
  const sessionId = nextId++;
  const { promise, resolve } = Promise.withResolvers<void>();
  const updates = options.updates ? updateLoop(sessionId) : undefined;
  const session = new AccountSession({
    telegram,
    guard: lasting(sessionId),
    dataCenter: telegram.defaultDataCenter,
    authKey,
    egress: direct,
    accountId: String(sessionId),
    accountTag: String(sessionId),
    application: {
      deviceModel: 'bench',
      systemVersion: '1',
      appVersion: '1',
      langCode: 'en',
      systemLangCode: 'en',
    },
    breakers,
    gate: createFloodGate({ sessionId, clock }),
    reports: { floodWait: () => undefined, condition: () => undefined },
    pings,
    ...(updates ? { updates } : {}),
    keyMoved: () => Promise.resolve(),
    onState: (state: ConnectionState) => {
      if (state === 'connected') resolve();
    },
    clock,
    random,
    log,
  });
  session.start();
  await promise;
  return {
    session,
    async close() {
      await session.close();
      await updates?.close();
    },
  };
}

function updateLoop(selfId: bigint): UpdateLoop {
  const store = { load: () => Promise.resolve(undefined), save: () => Promise.resolve() };
  return new UpdateLoop({ selfId, store, handler: () => undefined, clock, log });
}

function lasting(sessionId: bigint): LeaseGuard {
  const lost = new AbortController().signal;
  return {
    sessionId,
    fencingToken: 1n,
    check: () => undefined,
    remainingMs: () => Number.MAX_SAFE_INTEGER,
    lost,
  };
}

function noProbe(): Promise<void> {
  return Promise.resolve();
}

function random(): number {
  return randomInt(2 ** 32) / 2 ** 32;
}

import { createHmac } from 'node:crypto';
import { trace } from '@opentelemetry/api';
import { instruments, meter } from '#lib/telemetry/metrics.ts';
import type { BreakerKind, BreakerPosition } from './breaker.ts';
import type { Breakers } from './breakers.ts';
import type { Method } from './method.ts';
import type { SessionCondition, WaitKind } from './rpc-errors.ts';

export const telegramTracer = trace.getTracer('telegate.telegram');

/** How a call ended; a label, so the list is all there is. */
export type Outcome =
  | 'ok'
  | 'flood_wait' // Telegram said so
  | 'gated' // refused before the wire, for a wait known already
  | 'breaker_open'
  | 'refused'
  | 'login'
  | 'needs_login'
  | 'dead_key'
  | 'banned'
  | 'frozen'
  | 'limited'
  | 'migrate'
  | 'trouble'
  | 'unreachable'
  | 'timeout'
  | 'cancelled'
  | 'lease_lost'
  | 'busy'
  | 'fault';

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const WAIT_SECONDS = [1, 5, 15, 30, 60, 300, 900, 3_600, 14_400, 86_400];

const made = instruments((of) => ({
  duration: of.createHistogram('telegate.telegram.call.duration', {
    unit: 's',
    description: 'How long calls to Telegram took, by method and outcome; their count is its count.',
    advice: { explicitBucketBoundaries: SECONDS },
  }),
  floodWait: of.createHistogram('telegate.telegram.flood_wait', {
    unit: 's',
    description: 'The waits that Telegram asked for, by method and kind.',
    advice: { explicitBucketBoundaries: WAIT_SECONDS },
  }),
  conditions: of.createCounter('telegate.telegram.conditions', {
    unit: '{session}',
    description:
      'Sessions that Telegram refused from then on, by what became of them; dead_key is AUTH_KEY_DUPLICATED.',
  }),
  retries: of.createCounter('telegate.telegram.retries', { unit: '{call}' }),
}));

export function measureCall(method: Method, outcome: Outcome, durationMs: number): void {
  const attributes = (method.measured[outcome] ??= {
    'telegram.method': method.name,
    'telegate.outcome': outcome,
  });
  made().duration.record(durationMs / 1_000, attributes);
}

export function measureWait(method: Method, kind: WaitKind, seconds: number): void {
  made().floodWait.record(seconds, { 'telegram.method': method.name, 'telegate.kind': kind });
}

export function measureCondition(condition: SessionCondition | 'logins_stop'): void {
  made().conditions.add(1, { 'telegate.condition': condition });
}

export function measureRetry(method: Method): void {
  made().retries.add(1, { 'telegram.method': method.name });
}

const KINDS: readonly BreakerKind[] = ['proxy', 'direct', 'data_center'];
const POSITIONS: readonly BreakerPosition[] = ['closed', 'open', 'half_open'];

/** Counted by kind: a proxy's name is no label, there may be thousands. Answers how to stop. */
export function observeBreakers(breakers: Breakers): () => void {
  const gauge = meter().createObservableGauge('telegate.telegram.breakers', {
    description: 'Circuit breakers by kind and position.',
  });
  const observe: Parameters<typeof gauge.addCallback>[0] = (result) => {
    const counts = new Map<string, number>();
    for (const { kind, position } of breakers.states()) {
      const key = `${kind} ${position}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    for (const kind of KINDS)
      for (const position of POSITIONS)
        result.observe(counts.get(`${kind} ${position}`) ?? 0, {
          'telegate.breaker.kind': kind,
          'telegate.breaker.position': position,
        });
  };
  gauge.addCallback(observe);
  return () => gauge.removeCallback(observe);
}

/** What spans call an account: the same in every process that has the key, and nothing without it. */
export function accountTag(key: Uint8Array, account: string): string {
  return createHmac('sha256', key).update(account).digest('hex').slice(0, 16);
}

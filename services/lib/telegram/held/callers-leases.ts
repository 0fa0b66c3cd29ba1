import type { Logger } from '#lib/telemetry/log.ts';
import type { Entry } from './entry.ts';
import type { LeaseStream } from './lease-stream.ts';

export interface CallersLeases {
  /** Of these entries the leases that callers keep alive are heard of from now on, on the stream of the moment. */
  hear(entries: readonly Entry[]): void;
}

const LEASES_A_MESSAGE = 1_000;
const ANSWER_LIMIT_MS = 5_000;

/** Who keeps a lease alive ends it as well: the pool tells. What it can not tell, the claim's renewal finds out. */
export function hearOfCallersLeases(parts: {
  readonly stream: LeaseStream;
  readonly log: Logger;
  lost(leaseId: string): void;
}): CallersLeases {
  async function ask(entries: readonly Entry[]): Promise<void> {
    const leases = entries.map(({ proof }) => proof);
    try {
      const options = { limitMs: ANSWER_LIMIT_MS, once: true };
      const { result } = await parts.stream.ask({ case: 'hear', value: { leases } }, options);
      if (result.case === 'heard') for (const { leaseId } of result.value.lost) parts.lost(leaseId);
    } catch (err) {
      parts.log.warn({ event: 'leases_not_heard_of', err }, "the ends of callers' leases are heard of late");
    }
  }

  return {
    hear(entries) {
      const theirs = entries.filter(({ ttlMs, leaseIsOver }) => ttlMs === undefined && !leaseIsOver);
      for (let from = 0; from < theirs.length; from += LEASES_A_MESSAGE)
        void ask(theirs.slice(from, from + LEASES_A_MESSAGE));
    },
  };
}

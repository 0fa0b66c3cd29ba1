import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { transaction } from '#lib/postgres/transaction.ts';
import type { BreakerState } from '#lib/telegram/breaker.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { tellEvents, type ToldEvent } from '../events.ts';
import type { MessagingDatabase } from '../tables.ts';

export interface TellParts {
  readonly database: MessagingDatabase;
  /** Whose events those of the process are: breakers belong to no tenant. */
  readonly operatorTenant: string;
  readonly clock: Clock;
  readonly log: Logger;
  wakeRelay(): void;
}

export interface Teller {
  breaker(state: BreakerState): void;
  degraded(session: { sessionId: bigint; tenantId: string }, reason: string): void;
  limited(session: { sessionId: bigint; tenantId: string }, telegramError: string): void;
  /** Resolves when what was told is in the outbox. */
  settled(): Promise<void>;
}

/** Publishes how connections do: one event after the other, in the order in which it happened. */
export function createTeller(parts: TellParts): Teller {
  const { database, operatorTenant, clock, log, wakeRelay } = parts;
  let last = Promise.resolve();

  function tell(told: ToldEvent): void {
    last = last.then(async () => {
      try {
        await transaction(database, (trx) => tellEvents(trx, [told]));
        wakeRelay();
      } catch (err) {
        log.error(
          { event: 'event_not_told', payload: told.payload.case, err },
          'an event could not be published',
        );
      }
    });
  }

  return {
    breaker({ name, position, probeInMs }) {
      const origin = { tenantId: operatorTenant, entityId: name.replaceAll(':', '-') };
      if (position === 'closed')
        return tell({ ...origin, payload: { case: 'breakerClosed', value: { breaker: name } } });
      if (position !== 'open') return;
      const probeTime = timestampFromMs(Math.ceil(clock.now() + (probeInMs ?? 0)));
      tell({ ...origin, payload: { case: 'breakerOpened', value: { breaker: name, probeTime } } });
    },
    degraded({ sessionId, tenantId }, reason) {
      const payload = { case: 'sessionDegraded', value: { sessionId, reason } } as const;
      tell({ tenantId, entityId: String(sessionId), payload });
    },
    limited({ sessionId, tenantId }, telegramError) {
      const payload = { case: 'sessionLimited', value: { sessionId, telegramError } } as const;
      tell({ tenantId, entityId: String(sessionId), payload });
    },
    settled: () => last,
  };
}

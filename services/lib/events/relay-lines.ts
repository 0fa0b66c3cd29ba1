import { parseTraceparent } from '../telemetry/spans.ts';
import { linesOf } from '../telemetry/lines.ts';
import type { Logger } from '../telemetry/log.ts';
import type { BusEvent, PublishOutcome } from './bus.ts';

/** Each event that went out is a line: what happened to whom, in the trace of the call that made it happen. */
export function tellPublished(
  log: Logger,
  events: readonly BusEvent[],
  outcomes: readonly PublishOutcome[],
): void {
  const lines = linesOf(log);
  for (const [index, event] of events.entries()) {
    const outcome = outcomes[index];
    if (!outcome?.ok || outcome.duplicate) continue;
    const name = event.subject.slice(event.subject.lastIndexOf('.') + 1);
    lines.write(
      'info',
      'business',
      name,
      'an event was published',
      {
        tenant_id: event.tenantId,
        entity_id: event.entityId,
        sequence: Number(event.entitySequence),
        event_id: event.eventId,
      },
      parseTraceparent(event.headers['traceparent']),
    );
  }
}

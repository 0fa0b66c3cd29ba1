import { SpanKind, TraceFlags, type Attributes, type Span } from '@opentelemetry/api';
import {
  contextFromTraceparent,
  failSpan,
  parseTraceparent,
  traceparentOf,
  tracer,
  withSpan,
} from '../telemetry/spans.ts';
import type { BusEvent } from './bus.ts';
import { subjectTemplate } from './entity.ts';

/**
 * Continues the trace in which the event was written, and makes the consumer its child. An event from
 * outside any trace, or from one that is not recorded, costs nothing.
 */
export function startProducerSpan(system: string, event: BusEvent): Span | undefined {
  const { traceparent } = event.headers;
  const parent = parseTraceparent(traceparent);
  if (!parent || !(parent.traceFlags & TraceFlags.SAMPLED)) return undefined;
  const template = subjectTemplate(event.subject);
  const span = tracer.startSpan(
    `publish ${template}`,
    {
      kind: SpanKind.PRODUCER,
      attributes: { ...attributes(system, event, template), 'messaging.operation.type': 'send' },
    },
    contextFromTraceparent(traceparent),
  );
  const own = traceparentOf(span);
  if (own !== undefined) event.headers['traceparent'] = own;
  return span;
}

export function endProducerSpan(
  span: Span,
  outcome: { ok: true; duplicate: boolean } | { ok: false; error: Error },
): void {
  if (!outcome.ok) failSpan(span, outcome.error);
  else if (outcome.duplicate) span.setAttribute('telegate.event.duplicate', true);
  span.end();
}

export async function withConsumerSpan(
  consumer: { system: string; durable: string },
  event: BusEvent,
  handle: () => Promise<void>,
): Promise<void> {
  const { traceparent } = event.headers;
  if (!parseTraceparent(traceparent)) return handle();
  const template = subjectTemplate(event.subject);
  return withSpan(
    `process ${template}`,
    {
      kind: SpanKind.CONSUMER,
      parent: contextFromTraceparent(traceparent),
      attributes: {
        ...attributes(consumer.system, event, template),
        'messaging.operation.type': 'process',
        'messaging.consumer.group.name': consumer.durable,
      },
    },
    handle,
  );
}

function attributes(system: string, event: BusEvent, template: string): Attributes {
  return {
    'messaging.system': system,
    'messaging.destination.name': event.subject,
    'messaging.destination.template': template,
    'messaging.message.id': event.eventId,
    'messaging.message.body.size': event.payload.byteLength,
  };
}

import { randomBytes } from 'node:crypto';
import {
  context,
  isSpanContextValid,
  trace,
  TraceFlags,
  type Context,
  type Span,
  type SpanContext,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';

/**
 * Stands in when nothing is exported: a root gets fresh valid ids, so that answers and logs have a trace id,
 * and a child keeps its parent's context untouched, so that a caller's trace stays whole on its way through.
 * A root is marked unsampled: a service further on that does export must not record children of a lost parent.
 */
export function createUnrecordedTracerProvider(): TracerProvider {
  const tracer: Tracer = {
    startSpan(_name, options, parentContext = context.active()) {
      return startUnrecorded(options?.root ? undefined : trace.getSpanContext(parentContext));
    },
    startActiveSpan<F extends (span: Span) => unknown>(name: string, ...rest: unknown[]): ReturnType<F> {
      const body = rest.at(-1) as F;
      const options = rest.length > 1 ? (rest[0] as { root?: boolean }) : undefined;
      const parent = rest.length > 2 ? (rest[1] as Context) : context.active();
      const span = tracer.startSpan(name, options, parent);
      return context.with(trace.setSpan(parent, span), () => body(span) as ReturnType<F>);
    },
  };
  return { getTracer: () => tracer };
}

function startUnrecorded(parent: SpanContext | undefined): Span {
  if (parent && isSpanContextValid(parent)) return trace.wrapSpanContext(parent);
  const ids = nextIds();
  return trace.wrapSpanContext({
    traceId: ids.slice(0, 32),
    spanId: ids.slice(32),
    traceFlags: TraceFlags.NONE,
  });
}

const BYTES_AN_ID = 24;
const IDS_AT_ONCE = 170;
let pool = Buffer.alloc(0);
let taken = 0;

/** Random bytes are drawn many at a time: a call for each id costs ten times as much. */
function nextIds(): string {
  if (taken + BYTES_AN_ID > pool.length) {
    pool = randomBytes(BYTES_AN_ID * IDS_AT_ONCE);
    taken = 0;
  }
  taken += BYTES_AN_ID;
  return pool.toString('hex', taken - BYTES_AN_ID, taken);
}

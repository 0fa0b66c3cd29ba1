import type { Clock } from '#lib/lifecycle/clock.ts';
import { expired, within } from '#lib/lifecycle/clock.ts';
import type { BidiStream } from '#lib/rpc/client-streams.ts';
import type {
  HoldLeaseRequestSchema,
  HoldLeaseResponse,
  HoldLeaseResponseSchema,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { StepFailed } from './demo-tour.ts';

type Event = HoldLeaseResponse['event'];
type EventCase = NonNullable<Event['case']>;
type EventOf<C extends EventCase> = Extract<Event, { case: C }>['value'];

export interface Holder {
  send: BidiStream<typeof HoldLeaseRequestSchema, typeof HoldLeaseResponseSchema>['send'];
  /** The next event of this kind; others that come before it are passed over. */
  hears<C extends EventCase>(wanted: C): Promise<EventOf<C>>;
  /** Of the trace of this call, as the server answered it. */
  traceId(): Promise<string>;
  close(): void;
}

const EVENT_LIMIT_MS = 15_000;

/** A HoldLease stream, read event by event. */
export function holder(
  stream: BidiStream<typeof HoldLeaseRequestSchema, typeof HoldLeaseResponseSchema>,
  clock: Clock,
): Holder {
  const events = stream.responses[Symbol.asyncIterator]();
  const next = async (wanted: string): Promise<Event> => {
    const outcome = await within(clock, EVENT_LIMIT_MS, events.next());
    if (outcome === expired)
      throw new StepFailed(
        `expected \`${wanted}\` on the stream, but nothing came for ${EVENT_LIMIT_MS / 1_000} s`,
      );
    if (outcome.done === true) throw new StepFailed(`expected \`${wanted}\` on the stream, but it ended`);
    return outcome.value.event;
  };
  return {
    send: (message) => stream.send(message),
    async hears<C extends EventCase>(wanted: C) {
      for (;;) {
        const event = await next(wanted);
        if (event.case === wanted) return event.value as EventOf<C>;
        if (event.case === 'lost') throw new StepFailed(`expected \`${wanted}\`, but the lease was lost`);
      }
    },
    async traceId() {
      return (await stream.opened).get('trace-id').map(String).join('');
    },
    close: () => stream.cancel(),
  };
}

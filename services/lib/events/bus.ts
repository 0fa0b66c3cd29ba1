import type { Logger } from '../telemetry/log.ts';

export interface BusEvent {
  /** A UUID; a duplicate delivery carries the same one. */
  eventId: string;
  /** `telegate.v1.<service>.<entity id>.<event>` */
  subject: string;
  tenantId: string;
  entityId: string;
  /** Rises by event within one entity. */
  entitySequence: bigint;
  payload: Uint8Array;
  /** `traceparent`, when the event was written inside a trace. */
  headers: Record<string, string>;
}

export type PublishOutcome = { ok: true; duplicate: boolean } | { ok: false; error: Error };

/** With everything that is kept, with what comes next, or with what was published since so long ago. */
export type StartFrom = 'first' | 'new' | { readonly agoMs: number };

export interface ConsumeOptions {
  /** Keeps its place under this name; replicas that give the same one share the events. */
  durable: string;
  /** NATS patterns: `*` is one part of a subject, a final `>` is all that follow. */
  subjects: string[];
  /** Called at least once an event, in order within one entity; a throw brings the event back later. */
  handle(event: BusEvent): Promise<void>;
  /** Where a durable that is new begins. Everything that is kept when not given. */
  startFrom?: StartFrom;
  /** Events of different entities that are handled at the same time; 16 when not given. */
  concurrency?: number;
  /** Forget the durable when nobody has consumed it for so long; never when not given. */
  forgetAfterMs?: number;
}

export interface Consumer {
  /** Takes no more events and waits, bounded, for those in hand. */
  stop(): Promise<void>;
}

/** At least once, kept for days, ordered within one entity. */
export interface EventBus {
  /** What carries the events, as spans name it. */
  readonly system: 'nats' | 'postgresql';
  /**
   * One outcome an event, in the order given. An entity's events are stored in that order too: after one that
   * failed, its later ones are not tried. Publishing the same event id again within 2 minutes stores nothing.
   */
  publish(events: readonly BusEvent[]): Promise<PublishOutcome[]>;
  consume(options: ConsumeOptions): Promise<Consumer>;
  close(): Promise<void>;
}

export interface OpenBusOptions {
  /** With one the events run on NATS JetStream, without one on PostgreSQL. */
  natsUrl?: string | undefined;
  databaseUrl: string;
  log: Logger;
}

export async function openBus({ natsUrl, databaseUrl, log }: OpenBusOptions): Promise<EventBus> {
  if (natsUrl !== undefined) {
    const { openNatsBus } = await import('./nats.ts');
    return openNatsBus({ url: natsUrl, log });
  }
  const { openPostgresBus } = await import('./postgres.ts');
  return openPostgresBus({ url: databaseUrl, log });
}

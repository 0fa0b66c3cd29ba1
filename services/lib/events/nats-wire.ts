import type { BusEvent } from './bus.ts';

/** What the event bus needs of a NATS connection; nats.ts makes one from the client library. */
export interface Wire {
  isUp(): boolean;
  isClosed(): boolean;
  request(subject: string, payload: Uint8Array, headers: Headers, timeoutMs: number): Promise<WireMessage>;
  publish(subject: string, payload: string, reply?: string): void;
  /** Subscribes to a fresh inbox; an error says that the connection broke. Ending still receives what is on its way. */
  subscribe(receive: (message: WireMessage | Error) => void): { inbox: string; end(): Promise<void> };
  flush(): Promise<void>;
  /** Makes the durable, or brings it to this configuration. */
  ensureConsumer(config: Record<string, unknown>): Promise<void>;
}

export type Headers = Record<string, string>;

export interface WireMessage {
  subject: string;
  payload: Uint8Array;
  reply: string;
  /** 0 for a message proper, else what the server says of a request. */
  status: number;
  statusText: string;
  header(name: string): string;
}

const OWN = {
  id: 'Nats-Msg-Id',
  tenant: 'Telegate-Tenant',
  entity: 'Telegate-Entity',
  sequence: 'Telegate-Sequence',
};

export function toHeaders(event: BusEvent): Headers {
  return {
    ...event.headers,
    [OWN.id]: event.eventId,
    [OWN.tenant]: event.tenantId,
    [OWN.entity]: event.entityId,
    [OWN.sequence]: event.entitySequence.toString(),
  };
}

/** None when the message was not written by a relay of ours. */
export function toEvent({ subject, payload, header }: WireMessage): BusEvent | undefined {
  const sequence = header(OWN.sequence);
  if (!/^\d{1,19}$/.test(sequence) || header(OWN.id) === '') return undefined;
  const traceparent = header('traceparent');
  return {
    eventId: header(OWN.id),
    subject,
    tenantId: header(OWN.tenant),
    entityId: header(OWN.entity),
    entitySequence: BigInt(sequence),
    payload,
    headers: traceparent === '' ? {} : { traceparent },
  };
}

export interface Place {
  position: number;
  redelivered: boolean;
  /** How many more the server has for this consumer. */
  pending: number;
}

/**
 * `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<delivered>.<stream sequence>.<consumer sequence>.<time>.<pending>`
 */
export function placeOf({ reply }: WireMessage): Place | undefined {
  const parts = reply.split('.');
  const offset = parts.length > 9 ? 6 : 4;
  const [delivered, position, , , pending] = parts.slice(offset).map(Number);
  if (!Number.isSafeInteger(position) || !position || delivered === undefined) return undefined;
  return { position, redelivered: delivered > 1, pending: pending || 0 };
}

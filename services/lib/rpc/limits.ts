import type { DeadlineLimits } from './deadlines.ts';

export interface Limits extends DeadlineLimits {
  /** Of one message, in and out. */
  maxMessageBytes: number;
  /** Of a call's metadata, names and values; Node itself refuses 64 KiB. */
  maxMetadataBytes: number;
  /** HTTP/2 streams a connection, unary calls included; more wait inside the client's transport. */
  maxStreamsPerConnection: number;
  /** Streaming calls that one principal may have open. */
  maxStreamsPerPrincipal: number;
  /** Streaming calls of everybody. */
  maxStreams: number;
  maxUnaryInFlight: number;
  /** A stream's answers that wait for the wire; above it `send` waits and `trySend` refuses. */
  sendBufferBytes: number;
  sendBufferMessages: number;
  /** A stream whose reader took nothing for this long, while a send waits, is ended. */
  readerStallMs: number;
  keepaliveTimeMs: number;
  keepaliveTimeoutMs: number;
}

/**
 * A connection takes more streams than a principal may open: the refusal is then a typed error at once, and
 * not a silent wait in the client's transport. One connection also carries everybody who comes through a gateway.
 */
export const defaultLimits: Limits = {
  defaultDeadlineMs: 30_000,
  maxDeadlineMs: 300_000,
  maxMessageBytes: 4 * 1024 * 1024,
  maxMetadataBytes: 16 * 1024,
  maxStreamsPerConnection: 10_000,
  maxStreamsPerPrincipal: 2_000,
  maxStreams: 20_000,
  maxUnaryInFlight: 10_000,
  sendBufferBytes: 64 * 1024,
  sendBufferMessages: 64,
  readerStallMs: 120_000,
  keepaliveTimeMs: 20_000,
  keepaliveTimeoutMs: 10_000,
};

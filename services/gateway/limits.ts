import { defaultLimits, type Limits } from '#lib/rpc/limits.ts';

export interface EdgeLimits extends Limits {
  /** Of a request's headers, names and values. */
  maxHeaderBytes: number;
  /** Of a form sent to one of the plain HTTP routes. */
  maxFormBytes: number;
  /** Connections of everybody. */
  maxConnections: number;
  /** A request over HTTP/1.1 must have come whole by then, its headers much sooner. */
  requestTimeoutMs: number;
  headersTimeoutMs: number;
}

export const edgeLimits: EdgeLimits = {
  ...defaultLimits,
  maxStreamsPerConnection: 1_000,
  maxHeaderBytes: 16 * 1024,
  maxFormBytes: 64 * 1024,
  maxConnections: 20_000,
  requestTimeoutMs: 60_000,
  headersTimeoutMs: 10_000,
};

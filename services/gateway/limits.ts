import { defaultLimits, type Limits } from '#lib/rpc/limits.ts';

export interface EdgeLimits extends Limits {
  /** Of a request's headers, names and values. */
  maxHeaderBytes: number;
  /** Of a form sent to one of the plain HTTP routes. */
  maxFormBytes: number;
  /** Of one key or user, in this process; twice that at once. 0: no limit. */
  callsPerSecond: number;
  /** Of one address, whoever calls from it, refused requests too; twice that at once. 0: no limit. */
  callsPerSecondOfAddress: number;
  /** Calls of one key or user that run at once; streams have a limit of their own. */
  maxUnaryPerCaller: number;
  /** Streams that a connection may reset, beyond as many as it may have open at once. */
  streamResetsPerSecond: number;
  /** Pings and settings of a connection; gRPC's clients measure a connection by some dozens. 0: no limit. */
  controlFramesPerSecond: number;
  /** How long after its deadline a request that still has no answer is cut off. */
  overdueMs: number;
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
  callsPerSecond: 2_000,
  callsPerSecondOfAddress: 5_000,
  maxUnaryPerCaller: 1_000,
  streamResetsPerSecond: 100,
  controlFramesPerSecond: 500,
  overdueMs: 5_000,
  maxConnections: 20_000,
  requestTimeoutMs: 60_000,
  headersTimeoutMs: 10_000,
};

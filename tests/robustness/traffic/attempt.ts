import { status } from '@grpc/grpc-js';
import { timestampMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import type { Lease } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import { reasonName } from '#lib/rpc/status.ts';
import type { OperationEntry, Recorder } from '../history.ts';
import { monotonic } from '../time.ts';

export type Result<T> =
  | { outcome: 'ok'; answer: T; sentAt: number }
  | { outcome: 'failed' | 'unknown'; reason: string };

/** Answers after which it is certain that nothing was done. */
const REFUSALS: ReadonlySet<status> = new Set([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.ALREADY_EXISTS,
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
  status.RESOURCE_EXHAUSTED,
  status.FAILED_PRECONDITION,
  status.ABORTED,
  status.OUT_OF_RANGE,
  status.UNIMPLEMENTED,
]);

export function judgeError(error: unknown): { outcome: 'failed' | 'unknown'; reason: string } {
  if (!(error instanceof DomainError)) return { outcome: 'unknown', reason: 'BROKEN' };
  const reason = reasonName(error.reason);
  return { outcome: REFUSALS.has(error.code) ? 'failed' : 'unknown', reason };
}

/** Makes a call and writes down how it went. */
export async function attempt<T>(
  recorder: Recorder,
  about: Omit<OperationEntry, 'kind' | 't' | 'end' | 'outcome'>,
  call: () => Promise<T>,
  seen: (answer: T) => Partial<OperationEntry> = () => ({}),
): Promise<Result<T>> {
  const t = monotonic();
  try {
    const answer = await call();
    recorder.write({ kind: 'op', ...about, t, end: monotonic(), outcome: 'ok', ...seen(answer) });
    return { outcome: 'ok', answer, sentAt: t };
  } catch (error) {
    const judged = judgeError(error);
    recorder.write({ kind: 'op', ...about, t, end: monotonic(), ...judged });
    return judged;
  }
}

/** A lease as the history names it. */
export function nameOf(lease: Lease): { session: string; lease: string; token: string; expireAt?: number } {
  return {
    session: String(lease.sessionId),
    lease: lease.leaseId,
    token: String(lease.fencingToken),
    ...(lease.expireTime ? { expireAt: msOf(lease.expireTime) } : {}),
  };
}

export function msOf(time: Timestamp): number {
  return timestampMs(time);
}

/** Which replica to ask; the other one after a failure. */
export interface Route {
  readonly replica: number;
  turn(): void;
}

export function createRoute(first: number): Route {
  let replica = first;
  return {
    get replica() {
      return replica;
    },
    turn() {
      replica = 1 - replica;
    },
  };
}

import { create } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { LeaseLossReason, LeaseLostSchema } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import {
  SessionPoolService,
  type AcquireLeaseRequestSchema,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { Clock, Timer } from '#lib/lifecycle/clock.ts';
import type { Client } from '#lib/rpc/client.ts';
import { RpcError } from '#lib/rpc/status.ts';
import { isUnreachable } from '../service.ts';
import { span } from '../terminal/times.ts';
import type { HolderEvent } from './events.ts';
import type { Tenure } from './tenure.ts';

export type PoolClient = Client<typeof SessionPoolService>;
export type HoldRequest = MessageInitShape<typeof AcquireLeaseRequestSchema>;

export type HoldOutcome =
  | { kind: 'released' }
  | { kind: 'lost' }
  /** The mesh said no: to the acquire, or to a key that was good before. */
  | { kind: 'refused'; error: unknown }
  | { kind: 'unreachable'; error: unknown }
  /** Ctrl-C before anything was granted. */
  | { kind: 'withdrawn' }
  | { kind: 'unreleased' };

export type StreamEnd =
  | { kind: 'over'; outcome: HoldOutcome }
  /** The replica stops; the lease goes on elsewhere. */
  | { kind: 'elsewhere' }
  | { kind: 'broken'; error: unknown; problem: string };

/** What all streams of one lease share. */
export interface Holding {
  readonly request: HoldRequest;
  readonly clock: Clock;
  readonly stop: AbortSignal;
  readonly tenure: Tenure;
  /** When the lease was first asked for, on the monotonic clock. */
  readonly askedAt: number;
  tell(event: HolderEvent): void;
}

/** An acquire is answered at once, if only with the place in the queue. */
const FIRST_ANSWER_MS = 10_000;
const RELEASE_ANSWER_MS = 3_000;
/** Renewed three times in the life of a lease; a renewal that takes as long as that is one too few. */
const BEATS = 3;

/** Acquires or attaches over one stream, and renews until something ends it. `onHeard`: this address works. */
export async function holdOverStream(
  holding: Holding,
  client: PoolClient,
  onHeard: () => void,
): Promise<StreamEnd> {
  const { request, clock, stop, tenure, tell } = holding;
  const stream = client.holdLease({ isLongLived: true });
  const attaching = tenure.lease;
  let isOpen = false;
  let sentAt = clock.monotonic();
  let isReleasing = false;
  let problem: string | undefined;
  let timer: Timer | undefined;

  const arm = (ms: number, fire: () => void): void => {
    timer?.cancel();
    timer = clock.setTimer(ms, fire);
  };
  const awaitAnswer = (ms: number): void =>
    arm(ms, () => {
      problem = `no answer for ${span(ms)}`;
      stream.cancel();
    });
  const beat = (): void => {
    sentAt = clock.monotonic();
    void stream.send({ action: { case: 'heartbeat', value: {} } });
    awaitAnswer(tenure.ttlMs / BEATS);
  };
  const scheduleBeat = (from: number): void =>
    arm(Math.max(0, from + tenure.ttlMs / BEATS - clock.monotonic()), beat);
  const release = (): void => {
    if (!isOpen) return stream.cancel();
    isReleasing = true;
    void stream.send({ action: { case: 'release', value: {} } });
    awaitAnswer(RELEASE_ANSWER_MS);
  };
  stop.addEventListener('abort', release, { once: true });

  try {
    if (attaching) {
      const { leaseId, fencingToken } = attaching;
      void stream.send({ action: { case: 'attach', value: { leaseId, fencingToken } } });
      awaitAnswer(tenure.ttlMs / BEATS);
    } else {
      void stream.send({ action: { case: 'open', value: request } });
      awaitAnswer(FIRST_ANSWER_MS);
    }
    for await (const { event } of stream.responses) {
      onHeard();
      switch (event.case) {
        case 'granted':
          isOpen = true;
          if (attaching) tenure.attached(event.value, sentAt);
          else tenure.granted(event.value, holding.askedAt);
          if (stop.aborted) release();
          else scheduleBeat(attaching ? sentAt : holding.askedAt);
          break;
        case 'renewed':
          tenure.renewed(sentAt);
          tell({ kind: 'heard', event });
          if (!isReleasing) scheduleBeat(sentAt);
          break;
        case 'queued':
          timer?.cancel();
          tell({ kind: 'heard', event });
          break;
        case 'floodWait':
        case 'drainRequested':
          tell({ kind: 'heard', event });
          break;
        case 'lost':
          tell({ kind: 'heard', event });
          return { kind: 'over', outcome: { kind: 'lost' } };
        case 'released':
          tell({ kind: 'heard', event });
          return { kind: 'over', outcome: { kind: 'released' } };
        case 'goAway':
          tell({ kind: 'heard', event });
          if (!isReleasing && isOpen) return { kind: 'elsewhere' };
          break;
        case undefined:
          break;
      }
    }
    return { kind: 'broken', error: undefined, problem: 'the mesh closed the stream' };
  } catch (error) {
    return endOf(holding, error, problem);
  } finally {
    timer?.cancel();
    stop.removeEventListener('abort', release);
    stream.cancel();
  }
}

function endOf({ tenure, stop, tell }: Holding, error: unknown, problem: string | undefined): StreamEnd {
  const { lease } = tenure;
  if (!(error instanceof RpcError)) throw error;
  const broken: StreamEnd = { kind: 'broken', error, problem: problem ?? 'the connection broke' };
  if (!lease && stop.aborted) return { kind: 'over', outcome: { kind: 'withdrawn' } };
  if (problem !== undefined || isUnreachable(SessionPoolService, error)) return broken;
  if (!lease) return { kind: 'over', outcome: { kind: 'refused', error } };
  switch (error.reason) {
    case ErrorReason.LEASE_LOST: {
      const { leaseId, sessionId } = lease;
      const lost = create(LeaseLostSchema, { leaseId, sessionId, reason: LeaseLossReason.STALE });
      tell({ kind: 'heard', event: { case: 'lost', value: lost } });
      return { kind: 'over', outcome: { kind: 'lost' } };
    }
    case ErrorReason.CREDENTIALS_INVALID:
    case ErrorReason.CREDENTIALS_MISSING:
    case ErrorReason.SCOPE_MISSING:
      return { kind: 'over', outcome: { kind: 'refused', error } };
    default:
      return { ...broken, problem: error.message };
  }
}

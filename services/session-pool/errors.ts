import { status } from '@grpc/grpc-js';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { DomainError } from '#lib/rpc/errors.ts';

/** How many of the sessions that fit a selector are in the way, and by what. */
export interface SessionCounts {
  total: number;
  free: number;
  leased: number;
  flood_wait: number;
  quarantined: number;
  unusable: number;
  closing: number;
}

/** What stands between the caller and the one session it named. */
export interface Obstacle {
  holder?: string;
  expireTime?: Date;
}

export class NoFreeSession extends DomainError {
  override readonly code = status.RESOURCE_EXHAUSTED;
  override readonly reason = ErrorReason.NO_FREE_SESSION;

  constructor(counts: SessionCounts, options: { availableInMs?: number; obstacle?: Obstacle } = {}) {
    const { availableInMs, obstacle } = options;
    super(noFreeText(counts, availableInMs, obstacle), {
      ...Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, String(count)])),
      ...(obstacle?.holder === undefined ? {} : { holder: obstacle.holder }),
      ...(obstacle?.expireTime === undefined ? {} : { expire_time: obstacle.expireTime.toISOString() }),
    });
    this.retryAfterMs = availableInMs;
  }
}

function noFreeText(counts: SessionCounts, availableInMs?: number, obstacle?: Obstacle): string {
  const soon =
    availableInMs === undefined
      ? 'None has an end in sight.'
      : `The nearest may be free in ${Math.ceil(availableInMs / 1_000)} seconds.`;
  if (obstacle?.holder !== undefined) return `The session is leased by ${obstacle.holder}. ${soon}`;
  if (counts.total === 0) return 'No session of the pool fits the selector. Import one, or ask for less.';
  return `None of the ${counts.total} sessions that fit is free. ${soon}`;
}

export class QueueFull extends DomainError {
  override readonly code = status.RESOURCE_EXHAUSTED;
  override readonly reason = ErrorReason.QUEUE_FULL;

  constructor(limit: number) {
    super(`${limit} acquires wait already. Try again later, with fewer waiters.`, { limit: String(limit) });
    this.retryAfterMs = 1_000;
  }
}

export class LeaseLostError extends DomainError {
  override readonly code = status.ABORTED;
  override readonly reason = ErrorReason.LEASE_LOST;

  constructor(leaseId: string, sessionId?: bigint) {
    super(
      'The lease has ended, or the fencing token is not its own. Stop using the session and acquire a new lease.',
      { lease_id: leaseId, ...(sessionId === undefined ? {} : { session_id: String(sessionId) }) },
    );
  }
}

export class SessionLeased extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.SESSION_LEASED;

  constructor(sessionId: bigint, holder: string, expireTime: Date) {
    super(
      `The session ${sessionId} is leased by ${holder} until ${expireTime.toISOString()} unless renewed. ` +
        'Wait, or revoke the lease.',
      { session_id: String(sessionId), holder, expire_time: expireTime.toISOString() },
    );
    this.preconditions = [
      { type: 'LEASE', subject: `sessions/${sessionId}`, description: `leased by ${holder}` },
    ];
  }
}

export class EgressClaimed extends DomainError {
  override readonly code = status.ABORTED;
  override readonly reason = ErrorReason.EGRESS_CLAIMED;

  constructor(sessionId: bigint, processId: string, expireTime: Date) {
    super(`A process still holds the socket of session ${sessionId}. Wait until its claim ends.`, {
      session_id: String(sessionId),
      process_id: processId,
      expire_time: expireTime.toISOString(),
    });
  }
}

export class SessionUnusable extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.SESSION_UNUSABLE;

  constructor(sessionId: bigint, state: string) {
    super(`The session ${sessionId} is ${state.replace('_', ' ')} and can not be used until somebody acts.`, {
      session_id: String(sessionId),
      state,
    });
    this.preconditions = [{ type: 'SESSION_STATE', subject: `sessions/${sessionId}`, description: state }];
  }
}

export class SessionDuplicate extends DomainError {
  override readonly code = status.ALREADY_EXISTS;
  override readonly reason = ErrorReason.SESSION_DUPLICATE;

  /** `sessionName` only where it is the caller's own. */
  constructor(sessionName?: string) {
    super(
      sessionName === undefined
        ? 'The key is in the pool of another tenant already.'
        : `The key is in the pool already, as ${sessionName}.`,
      sessionName === undefined ? {} : { session_name: sessionName },
    );
  }
}

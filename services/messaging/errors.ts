import { status } from '@grpc/grpc-js';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { DependencyUnavailable, DomainError } from '#lib/rpc/errors.ts';

export class NotServedYet extends DependencyUnavailable {
  constructor() {
    super('This method of MessagingService');
  }
}

/** Somebody else has the session. */
export class SessionLeased extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.SESSION_LEASED;

  constructor(sessionId: bigint | undefined, holder: string, expireTime: string) {
    super(
      `The session is leased by ${holder}${expireTime === '' ? '' : ` until ${expireTime} unless renewed`}. ` +
        'Wait, or act with that lease.',
      {
        ...(sessionId === undefined ? {} : { session_id: String(sessionId) }),
        holder,
        ...(expireTime === '' ? {} : { expire_time: expireTime }),
      },
    );
    this.preconditions = [
      { type: 'LEASE', subject: `sessions/${sessionId ?? ''}`, description: `leased by ${holder}` },
    ];
  }
}

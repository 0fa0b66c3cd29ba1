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

/** The session belongs to another Telegram than the one that this process is connected to. */
export class ForeignEnvironment extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.SESSION_UNUSABLE;

  constructor(sessionId: bigint, environment: string, own: string) {
    super(
      `The session ${sessionId} belongs to the Telegram ${environment}; this mesh is connected to ${own}.`,
      {
        session_id: String(sessionId),
        state: 'foreign_environment',
        environment,
      },
    );
    this.preconditions = [
      {
        type: 'SESSION_STATE',
        subject: `sessions/${sessionId}`,
        description: `belongs to the Telegram ${environment}`,
      },
    ];
  }
}

/** The lease is somebody else's. */
export class LeaseOfAnother extends DomainError {
  override readonly code = status.ABORTED;
  override readonly reason = ErrorReason.LEASE_LOST;

  constructor(sessionId: bigint, leaseId: string) {
    super('The lease was not acquired by this caller. Act with a lease of your own.', {
      lease_id: leaseId,
      session_id: String(sessionId),
    });
  }
}

/** The deployment names no Telegram to connect to. */
export class TelegramNotNamed extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.TELEGRAM_REFUSED;

  constructor() {
    super(
      'This deployment names no Telegram. The operator must set TELEGRAM_API_ID and TELEGRAM_API_HASH, or LOCAL_TELEGRAM_ADDRESS.',
      { telegram_error: '' },
    );
  }
}

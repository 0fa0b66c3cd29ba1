import { status } from '@grpc/grpc-js';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { DomainError } from '#lib/rpc/errors.ts';

/** The assignment, or the proxy, is held by a socket. */
export class EgressInUse extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.SESSION_LEASED;

  constructor(subject: string, holder: string, expireTime: Date, remedy: string) {
    super(
      `A live socket uses ${subject}, held by ${holder} until ${expireTime.toISOString()} unless renewed. ${remedy}`,
      {
        holder,
        expire_time: expireTime.toISOString(),
      },
    );
    this.preconditions = [{ type: 'EGRESS', subject, description: `held by ${holder}` }];
  }
}

/** The account may not connect now. */
export class NoEgress extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.NO_EGRESS;

  constructor(sessionId: bigint | null, why: string) {
    super(why, sessionId === null ? {} : { session_id: String(sessionId) });
    this.preconditions = [
      { type: 'EGRESS', subject: sessionId === null ? 'login' : `sessions/${sessionId}`, description: why },
    ];
  }
}

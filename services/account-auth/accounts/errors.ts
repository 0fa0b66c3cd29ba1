import { status } from '@grpc/grpc-js';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { DomainError } from '#lib/rpc/errors.ts';

/** Somebody uses the account's session. */
export class AccountLeased extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.SESSION_LEASED;

  constructor(sessionId: bigint, holder: string, metadata: Readonly<Record<string, string>>) {
    super(`The account's session ${sessionId} is leased by ${holder}. Wait until it is released.`, {
      session_id: String(sessionId),
      holder,
      ...(metadata['expire_time'] === undefined ? {} : { expire_time: metadata['expire_time'] }),
    });
    this.preconditions = [
      { type: 'LEASE', subject: `sessions/${sessionId}`, description: `leased by ${holder}` },
    ];
  }
}

/** A session is never dialled in another Telegram than its own. */
export class AccountElsewhere extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.SESSION_UNUSABLE;

  constructor(sessionId: bigint, environment: string) {
    super(`The session ${sessionId} belongs to the Telegram ${environment}, not to this deployment's.`, {
      session_id: String(sessionId),
      state: 'elsewhere',
    });
    this.preconditions = [
      { type: 'ENVIRONMENT', subject: `sessions/${sessionId}`, description: `belongs to ${environment}` },
    ];
  }
}

import { status } from '@grpc/grpc-js';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { DomainError } from '#lib/rpc/errors.ts';

const RETRY_AFTER_MS = 1_000;

/** The database cannot be reached, or has no room for us now. */
export class DatabaseUnavailable extends DomainError {
  override readonly code = status.UNAVAILABLE;
  override readonly reason = ErrorReason.DEPENDENCY_UNAVAILABLE;
  override readonly retryAfterMs = RETRY_AFTER_MS;

  constructor(cause: unknown, message = 'The database can not be reached at the moment. Try again.') {
    super(message, { dependency: 'database' }, { cause });
  }
}

/** The connection broke while a statement ran; outside a transaction it may or may not have taken effect. */
export class ConnectionLost extends DatabaseUnavailable {}

/** The connection broke while COMMIT ran: the transaction may or may not have taken effect. */
export class CommitUnknown extends DomainError {
  override readonly code = status.UNAVAILABLE;
  override readonly reason = ErrorReason.DEPENDENCY_UNAVAILABLE;
  override readonly retryAfterMs = RETRY_AFTER_MS;

  constructor(cause: unknown) {
    super(
      'The database connection broke while the change was committed: it may or may not have taken effect. ' +
        'Repeat the call with the same request_id if it has one.',
      { dependency: 'database' },
      { cause },
    );
  }
}

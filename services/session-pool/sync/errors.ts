import { status } from '@grpc/grpc-js';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { DomainError } from '#lib/rpc/errors.ts';

/**
 * The folder itself can not be read. A scan that ends with this has said nothing about the files: those that it
 * did not name are not gone.
 */
export class SessionFolderUnavailable extends DomainError {
  override readonly code = status.UNAVAILABLE;
  override readonly reason = ErrorReason.DEPENDENCY_UNAVAILABLE;

  constructor(folder: string, problem: string, options?: ErrorOptions) {
    super(
      `The folder of sessions ${folder} can not be read: ${problem}. Check SESSIONS_DIR, that the folder is ` +
        'mounted, and its rights.',
      { dependency: 'SESSIONS_DIR' },
      options,
    );
  }
}

/** The folder can be read, but so many files are gone that it is more likely not the right one. */
export class SessionFolderDoubtful extends DomainError {
  override readonly code = status.UNAVAILABLE;
  override readonly reason = ErrorReason.DEPENDENCY_UNAVAILABLE;

  constructor(folder: string, counts: { missing: number; expected: number; files: number }) {
    const { missing, expected, files } = counts;
    super(
      `The folder of sessions ${folder} lacks ${missing} of the ${expected} sessions that came from it` +
        `${files === 0 ? ' and holds no session file at all' : ''}, so nothing was changed. Check SESSIONS_DIR and ` +
        'that the folder is mounted. If the files were removed on purpose, delete the sessions by DeleteSession, ' +
        'or set SESSIONS_REMOVAL_LIMIT=100 for one sync.',
      { dependency: 'SESSIONS_DIR', missing: String(missing), expected: String(expected) },
    );
  }
}

/** Another replica took over, because the connection that held the lock broke. Nothing half-done is left. */
export class SyncSuperseded extends DomainError {
  override readonly code = status.UNAVAILABLE;
  override readonly reason = ErrorReason.DEPENDENCY_UNAVAILABLE;

  constructor() {
    super('The database connection of this sync broke and another replica took over. Call again.', {
      dependency: 'database',
    });
    this.retryAfterMs = 1_000;
  }
}

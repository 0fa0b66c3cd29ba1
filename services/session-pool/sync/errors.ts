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

import { status } from '@grpc/grpc-js';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { DomainError } from '#lib/rpc/errors.ts';

/** Telegram lets an account name only whom it was shown. */
export class PeerNeverSeen extends DomainError {
  override readonly code = status.NOT_FOUND;
  override readonly reason = ErrorReason.NOT_FOUND;

  constructor(form: string) {
    super(
      `This account has not met ${form}, or Telegram no longer lets it name that. Name it by @username, phone or ` +
        'link, or list the dialogs of the account first: whom it meets is remembered.',
      { resource: 'peer', name: form },
    );
  }
}

export class NobodyThere extends DomainError {
  override readonly code = status.NOT_FOUND;
  override readonly reason = ErrorReason.NOT_FOUND;

  constructor(kind: 'username' | 'phone') {
    // Not the name itself: a phone is nobody else's business, and the caller knows it.
    super(
      kind === 'username'
        ? 'Nobody at Telegram has this username. Check it; usernames change hands.'
        : 'Nobody at Telegram has this phone, or its owner lets nobody find them by it.',
      { resource: 'peer', name: kind },
    );
  }
}

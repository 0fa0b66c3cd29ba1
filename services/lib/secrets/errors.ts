import { status } from '@grpc/grpc-js';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { DomainError } from '#lib/rpc/errors.ts';

export type DecryptionFault =
  | {
      readonly kind: 'unknown-master-key';
      readonly masterKeyVersion: number;
      readonly known: readonly number[];
    }
  | { readonly kind: 'wrapping-refused'; readonly masterKeyVersion: number }
  | { readonly kind: 'damaged' };

/** A secret at rest does not open. The message is the operator's: it names keys by version, never by value. */
export class SecretUndecryptable extends DomainError {
  override readonly code = status.INTERNAL;
  override readonly reason = ErrorReason.INTERNAL;
  readonly fault: DecryptionFault;

  constructor(fault: DecryptionFault) {
    super(explain(fault));
    this.fault = fault;
  }
}

function explain(fault: DecryptionFault): string {
  if (fault.kind === 'unknown-master-key')
    return (
      `A secret is encrypted by version ${fault.masterKeyVersion} of the master key, which ` +
      `TELEGATE_MASTER_KEY does not hold (it holds: ${fault.known.join(', ') || 'none'}). ` +
      'Add that version to it again, after the current one.'
    );
  if (fault.kind === 'wrapping-refused')
    return (
      `The data key of a secret does not open with version ${fault.masterKeyVersion} of the master key: ` +
      'TELEGATE_MASTER_KEY gives that version another key than the one that was used, or the stored ' +
      'secret is damaged or belongs to another tenant, entity or purpose.'
    );
  return 'The data key of a secret opens but its contents do not: the stored secret is damaged.';
}

import { status } from '@grpc/grpc-js';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import type { CallContext } from '#lib/rpc/implement.ts';

/** Another process of messaging holds the session: the call is sent there. */
export class HeldElsewhere extends DomainError {
  override readonly code = status.UNAVAILABLE;
  override readonly reason = ErrorReason.DEPENDENCY_UNAVAILABLE;
  readonly processId: string;
  readonly address: string;
  readonly sessionId: bigint | undefined;

  constructor(holder: { processId: string; address: string; sessionId?: bigint }) {
    super('Another process of messaging is about to take the session, or to give it back. Try again.');
    this.processId = holder.processId;
    this.address = holder.address;
    this.sessionId = holder.sessionId;
    this.retryAfterMs = 500;
  }
}

/** Carries the id of the process that sent the call on. */
export const FORWARDED = 'x-telegate-forwarded-by';

export function isForwarded(ctx: Pick<CallContext, 'metadata'>): boolean {
  return ctx.metadata.has(FORWARDED);
}

/** The processes of the id's form are messaging's. */
export const PROCESS_PREFIX = 'messaging:';

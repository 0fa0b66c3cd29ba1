import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { RpcError } from '#lib/rpc/status.ts';
import { Interrupted } from './interrupted.ts';
import { Unreachable } from './service.ts';

/** Whether the call took effect is not known, or it may work later; its request id makes a repeat safe. */
export class Retryable extends Error {
  override readonly name = 'Retryable';
  readonly requestId: string;

  constructor(requestId: string, cause: unknown) {
    super(`Request ${requestId} may be repeated.`, { cause });
    this.requestId = requestId;
  }
}

const repeatable: ReadonlySet<ErrorReason> = new Set([
  ErrorReason.FLOOD_WAIT,
  ErrorReason.BREAKER_OPEN,
  ErrorReason.TELEGRAM_UNREACHABLE,
  ErrorReason.QUOTA_EXCEEDED,
  ErrorReason.GOING_AWAY,
  ErrorReason.DEPENDENCY_UNAVAILABLE,
  ErrorReason.DEADLINE_EXCEEDED,
  ErrorReason.CANCELLED,
  ErrorReason.INTERNAL,
]);

/** The outcome of `work`; a failure after which a repeat makes sense says with which id. */
export async function repeatableBy<T>(requestId: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const isOpen = error instanceof Interrupted || error instanceof Unreachable;
    if (isOpen || (error instanceof RpcError && repeatable.has(error.reason)))
      throw new Retryable(requestId, error);
    throw error;
  }
}

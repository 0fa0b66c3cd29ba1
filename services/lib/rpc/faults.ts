import type { Logger } from '#lib/telemetry/log.ts';
import { InternalError } from './status.ts';

interface FailedCall {
  readonly method: string;
  readonly traceId: string;
}

/** What the caller is told nothing of is told here in full. */
export function logFault(log: Logger, { method, traceId }: FailedCall, error: unknown): void {
  const err = error instanceof InternalError && error.cause !== undefined ? error.cause : error;
  log.error(
    { event: 'rpc_fault', method, trace_id: traceId, err },
    'a call failed by a fault of the service',
  );
}

export function logLate(log: Logger, { method, traceId }: FailedCall, error: unknown): void {
  log.debug(
    { event: 'rpc_late_failure', method, trace_id: traceId, err: error },
    'a handler failed after its call had ended',
  );
}

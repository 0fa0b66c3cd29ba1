/** Which calls get a line of their own. */
export interface CallShare {
  /** Of the calls that succeeded, from 0 to 1. */
  readonly succeeded: number;
  readonly failed: boolean;
}

export const everyCall: CallShare = { succeeded: 1, failed: true };

const TRACE_SPACE = 2 ** 32;

/** Decided by the trace id, so that every process that a call came through decides the same. */
export function isOfShare({ succeeded }: CallShare, traceId: string): boolean {
  if (succeeded >= 1) return true;
  return succeeded > 0 && Number.parseInt(traceId.slice(-8), 16) < succeeded * TRACE_SPACE;
}

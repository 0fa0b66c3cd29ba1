import type { Timer } from '#lib/lifecycle/clock.ts';

/** One message of ours that an answer is waited for. */
export interface Call {
  /** 0 until it is sent; another each time it is sent again. */
  id: bigint;
  /** The container it went in. */
  containerId: bigint;
  sends: number;
  readonly body: Buffer;
  /** Whether the body carries initConnection. */
  readonly isFirst: boolean;
  readonly read: (answer: Buffer) => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  timer: Timer | undefined;
  signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;
}

/** Lets go of what the call held; true at its first end. */
export function settle(call: Call): void {
  call.timer?.cancel();
  if (call.onAbort) call.signal?.removeEventListener('abort', call.onAbort);
  call.timer = undefined;
  call.onAbort = undefined;
}

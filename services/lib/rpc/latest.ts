import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import { GoingAway } from './errors.ts';
import type { CallContext } from './implement.ts';
import type { OutStream } from './streams.ts';

/** One value that is replaced, and somebody who waits for the next. */
export class Latest<T> {
  value: T;
  #wakeUp: (() => void) | undefined;

  constructor(value: T) {
    this.value = value;
  }

  set(value: T): void {
    this.value = value;
    this.wake();
  }

  wake(): void {
    this.#wakeUp?.();
    this.#wakeUp = undefined;
  }

  next(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wakeUp = resolve;
    return promise;
  }
}

export interface Shown<T, O extends DescMessage> {
  readonly clock: Clock;
  /** Changes are sent no closer than this. */
  readonly intervalMs: number;
  isSame(sent: T, now: T): boolean;
  messageOf(value: T): MessageInitShape<O>;
  /** After it nothing comes any more: the stream ends. */
  isLast?(value: T): boolean;
}

/** Sends a value at once and then with every change, until its caller leaves or this process stops. */
export async function sendChanges<T, O extends DescMessage>(
  latest: Latest<T>,
  out: OutStream<O>,
  ctx: CallContext,
  { clock, intervalMs, isSame, messageOf, isLast }: Shown<T, O>,
): Promise<void> {
  const over = new AbortController();
  const end = (): void => {
    over.abort();
    latest.wake();
  };
  const stopListening = ctx.onGoAway(end);
  ctx.signal.addEventListener('abort', end);
  let sent: { readonly value: T } | undefined;
  try {
    while (!ctx.signal.aborted) {
      if (over.signal.aborted) throw new GoingAway();
      if (sent && isSame(sent.value, latest.value)) {
        await latest.next();
        continue;
      }
      // A slow reader gets what is newest when it has taken what it was sent before.
      if (out.buffered === 0) {
        sent = { value: latest.value };
        await out.send(messageOf(sent.value));
        if (isLast?.(sent.value)) return;
      }
      await pause(clock, intervalMs, over.signal);
    }
  } finally {
    ctx.signal.removeEventListener('abort', end);
    stopListening();
  }
}

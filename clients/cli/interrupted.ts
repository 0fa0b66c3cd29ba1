/** Ctrl-C while something was asked for. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** The outcome of `work`, or Interrupted at the first Ctrl-C. */
export async function unlessInterrupted<T>(stop: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const interrupt = (): void => reject(new Interrupted('Interrupted.'));
  if (stop.aborted) interrupt();
  stop.addEventListener('abort', interrupt, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    stop.removeEventListener('abort', interrupt);
  }
}

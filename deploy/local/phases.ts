import type { Launch } from './launch-context.ts';

/** Says how long a part of the start took. */
export async function phase<T>({ clock, say }: Launch, done: string, work: Promise<T>): Promise<T> {
  const startedAt = clock.monotonic();
  const outcome = await work;
  say(`${done} (${((clock.monotonic() - startedAt) / 1_000).toFixed(1)} s)`);
  return outcome;
}

/** Like Promise.all, but after a failure it still waits for the others, so that they can be stopped. */
export async function together<T extends readonly unknown[]>(
  abort: AbortController,
  ...work: { [K in keyof T]: Promise<T[K]> }
): Promise<T> {
  const failures: unknown[] = [];
  const settled = await Promise.allSettled(
    work.map((one) =>
      one.catch((error: unknown) => {
        failures.push(error);
        abort.abort();
        throw error;
      }),
    ),
  );
  if (failures.length > 0) throw failures[0];
  return settled.map((one) => (one as PromiseFulfilledResult<unknown>).value) as unknown as T;
}

import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds of CLOCK_MONOTONIC, which all processes of a machine share. */
export function monotonic(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}

/** Resolves after `ms`, or early when the signal aborts. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await sleep(Math.max(0, ms), undefined, { signal }).catch(() => undefined);
}

export async function until(
  condition: () => boolean | Promise<boolean>,
  options: { limitMs: number; everyMs?: number },
): Promise<boolean> {
  const end = monotonic() + options.limitMs;
  for (;;) {
    if (await condition()) return true;
    if (monotonic() > end) return false;
    await pause(options.everyMs ?? 50);
  }
}

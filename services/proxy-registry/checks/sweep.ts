import { pause } from '#lib/lifecycle/clock.ts';
import type { Registry } from '../registry.ts';
import type { Checker } from './checker.ts';
import { claimDue } from './store.ts';

/** Between two looks at what is due. */
const PAUSE_MS = 1_000;
/** A claim outlives the longest check by this. */
const CLAIM_MARGIN_MS = 10_000;

export interface Sweep {
  /** There is something due now. */
  wake(): void;
  /** Milliseconds since a pass last succeeded: how long the database has been out of reach, at the most. */
  silentMs(): number;
  /** Resolves when the checks under way are done. */
  stop(): Promise<void>;
}

/** Looks at each proxy when its time has come. Every replica runs one; a proxy is looked at by one of them. */
export function startSweep(registry: Registry, checker: Checker, options: { concurrency: number }): Sweep {
  const { clock, log } = registry;
  const stopping = new AbortController();
  const underWay = new Set<Promise<void>>();
  let turn = new AbortController();
  let succeededAt = clock.monotonic();

  async function pass(): Promise<void> {
    const room = options.concurrency - underWay.size;
    const due = room > 0 ? await claimDue(registry, room, checker.settings.timeoutMs + CLAIM_MARGIN_MS) : [];
    succeededAt = clock.monotonic();
    for (const target of due) {
      const running = checker
        .check(target)
        .catch((error: unknown) => {
          log.warn({ event: 'proxy_check', err: error }, 'a proxy could not be looked at; it is tried again');
        })
        .finally(() => {
          underWay.delete(running);
          turn.abort();
        });
      underWay.add(running);
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      turn = new AbortController();
      try {
        await pass();
      } catch (error) {
        log.warn(
          { event: 'proxy_sweep', err: error },
          'proxies could not be looked after; it is tried again',
        );
        turn = new AbortController();
      }
      const signal = AbortSignal.any([stopping.signal, turn.signal]);
      await pause(clock, PAUSE_MS * (0.8 + registry.random() * 0.4), signal);
    }
  }

  const running = run();
  return {
    wake: () => turn.abort(),
    silentMs: () => clock.monotonic() - succeededAt,
    async stop() {
      stopping.abort();
      await running;
      await Promise.all(underWay);
    },
  };
}

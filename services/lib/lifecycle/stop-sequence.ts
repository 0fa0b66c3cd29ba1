import type { Logger } from '../telemetry/log.ts';
import { expired, within, type Clock } from './clock.ts';

interface Step {
  name: string;
  stop: () => Promise<void> | void;
  timeoutMs: number;
}

export interface StopSequence {
  /** Steps run in the reverse of the order they were added; one added while they run is next. */
  add(name: string, stop: () => Promise<void> | void, timeoutMs: number): void;
  /** Runs all steps once, whoever asks and however often; true when each ended well and in time. */
  run(): Promise<boolean>;
}

export function createStopSequence(options: {
  clock: Clock;
  log: Logger;
  /** For all steps together; what is left over is still started, and not waited for. */
  limitMs: number;
}): StopSequence {
  const { clock, log, limitMs } = options;
  const steps: Step[] = [];
  let running: Promise<boolean> | undefined;
  let deadline = Infinity;

  async function runStep({ name, stop, timeoutMs }: Step): Promise<boolean> {
    const startedAt = clock.monotonic();
    const limit = Math.max(0, Math.min(timeoutMs, deadline - startedAt));
    try {
      const outcome = await within(
        clock,
        limit,
        (async () => {
          await stop();
        })(),
      );
      if (outcome === expired) {
        log.warn({ event: 'stop_timed_out', step: name, limitMs: limit }, `${name} did not stop in time`);
        return false;
      }
      const tookMs = Math.round(clock.monotonic() - startedAt);
      log.debug({ event: 'stopped', step: name, tookMs }, `${name} has stopped`);
      return true;
    } catch (error) {
      log.error({ event: 'stop_failed', step: name, err: error }, `${name} failed to stop`);
      return false;
    }
  }

  async function runAll(): Promise<boolean> {
    let clean = true;
    for (let step = steps.pop(); step; step = steps.pop()) clean = (await runStep(step)) && clean;
    return clean;
  }

  return {
    add(name, stop, timeoutMs) {
      steps.push({ name, stop, timeoutMs });
    },
    run() {
      if (!running) {
        deadline = clock.monotonic() + limitMs;
        running = runAll();
      }
      return running;
    },
  };
}

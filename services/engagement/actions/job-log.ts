import { Logger as EngineLogger } from 'graphile-worker';
import type { Logger } from '#lib/telemetry/log.ts';

/** The job engine speaks of each job in detail, and quotes what is in it: only its words go on, and its levels are lower. */
const LEVELS = { error: 'warn', warning: 'warn', info: 'debug', debug: 'trace' } as const;

export function engineLogger(log: Logger): EngineLogger {
  return new EngineLogger(({ label }) => (level, message) => {
    log[LEVELS[level as keyof typeof LEVELS]](
      { event: 'job_engine', part: label ?? 'engine' },
      firstLine(message),
    );
  });
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0]!.slice(0, 300);
}

import type { Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';

export declare function migrate(options: {
  url: string;
  schema: string;
  folder: string;
  log: Logger;
}): Promise<{ applied: string[]; version: number }>;

export declare function waitForMigrations(options: {
  url: string;
  schema: string;
  folder: string;
  timeoutMs: number;
  log: Logger;
  clock: Clock;
  signal?: AbortSignal;
}): Promise<void>;

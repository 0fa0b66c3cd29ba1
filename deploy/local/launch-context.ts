import { fileURLToPath } from 'node:url';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { StopSequence } from '#lib/lifecycle/stop-sequence.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { Options } from './options.ts';
import type { ServiceEntry } from './registry.ts';
import type { MeshRecord } from './running.ts';
import type { Settings } from './settings.ts';

export const root: string = fileURLToPath(new URL('../../', import.meta.url));

export interface Launch {
  options: Options;
  settings: Settings;
  env: NodeJS.ProcessEnv;
  services: readonly ServiceEntry[];
  clock: Clock;
  log: Logger;
  say: (text: string) => void;
  /** Aborted when the start is to be given up. */
  abort: AbortController;
  stops: StopSequence;
  /** Called as soon as there is a record of what runs. */
  onRecord: (record: MeshRecord) => void;
}

/** For a single part to stop in; PostgreSQL's last checkpoint takes longest. */
export const STEP_LIMIT_MS = 60_000;

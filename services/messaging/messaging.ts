import type { Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { Connections } from './connections/live-session.ts';
import type { MessagingDatabase } from './tables.ts';

/** What every capability of this service stands on. */
export interface Messaging {
  readonly database: MessagingDatabase;
  readonly connections: Connections;
  /** This process, unique among all that ever ran. */
  readonly processId: string;
  readonly clock: Clock;
  /** 0 ≤ n < 1 */
  readonly random: () => number;
  readonly log: Logger;
  /** Called after each commit that may have written events. */
  wakeRelay(): void;
}

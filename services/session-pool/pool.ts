import type { MasterKeys } from '#lib/config/shared.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { PoolDatabase } from './tables.ts';

/** What every capability of this service stands on. */
export interface Pool {
  readonly database: PoolDatabase;
  readonly masterKeys: MasterKeys;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: PoolSettings;
  /** This process, in rows that die with it. */
  readonly replicaId: string;
  /** Called after each commit that may have written events. */
  wakeRelay(): void;
  /** Called after each commit that may have made a session grantable. */
  wakeQueue(tenantIds: Iterable<string>): void;
}

export interface PoolSettings {
  /** How long a session is kept back after a CREDENTIALS lease that its holder did not release. */
  readonly quarantineMs: number;
  /** How many acquires of one tenant may wait. */
  readonly queueLimit: number;
  /** How long open calls and streams may go on when this replica stops. */
  readonly shutdownGraceMs: number;
}

/** How long a process may hold a session's socket from its last renewal. */
export const CLAIM_TTL_MS = 15_000;

/** A wait for one method that is longer blocks new grants of the whole session too. */
export const LONG_WAIT_MS = 3_600_000;

/**
 * A process that stands still, or whose network forgot it, inside a transaction keeps its locks from all other
 * replicas until the server ends it. Reclaiming is due within a second, so the server does after this.
 */
export const IDLE_IN_TRANSACTION_MS = 500;

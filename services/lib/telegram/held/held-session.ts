import type { Principal } from '#lib/auth/principal.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { LeaseGuard } from '../guard.ts';
import type { SessionReports } from '../session-reports.ts';
import type { Proof } from './claims.ts';
import type { HoldEnd } from './entry.ts';
import type { HeldMaterial } from './material.ts';
import type { PoolClient } from './replicas.ts';

export interface HeldSession {
  readonly guard: LeaseGuard;
  readonly lease: Proof;
  readonly session: HeldMaterial;
  readonly reports: SessionReports;
  /** Resolves when the socket is closed and the pool was told, or can not be. */
  readonly ended: Promise<HoldEnd>;
  /** Closes the socket, ends the claim, and the lease if it is the process's own. */
  release(): Promise<HoldEnd>;
}

export interface WantedSession {
  readonly tenantId: string;
  /** One of the two. */
  readonly sessionId?: bigint;
  readonly accountId?: string;
  readonly ttlMs?: number;
  /** How long to queue for it. */
  readonly waitMs?: number;
  readonly forMethod?: string;
  /** Also when its owner has paused the account. */
  readonly evenPaused?: boolean;
  readonly signal?: AbortSignal;
}

/** A caller's lease, under which this process acts: the caller renews it. */
export interface CallersLease extends Proof {
  readonly tenantId: string;
}

export interface HeldSessionsOptions {
  /** One for each replica of the pool that is known by an address of its own. */
  readonly clients: readonly PoolClient[];
  /** Of this process, unique among all that ever ran. */
  readonly processId: string;
  /** The process's own; with it every token is made that no tenant's principal is needed for. */
  readonly principal: Principal;
  readonly clock: Clock;
  readonly log: Logger;
  /** Evenly from [0, 1). */
  random(): number;
  readonly mostSessions?: number;
}

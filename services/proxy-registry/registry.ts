import type { AssignmentPolicy } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import type { MasterKeys } from '#lib/config/shared.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { PrivateAddresses } from '#lib/network/address.ts';
import type { RegistryDatabase } from './tables.ts';

/** What every capability of this service stands on. */
export interface Registry {
  readonly database: RegistryDatabase;
  readonly masterKeys: MasterKeys;
  readonly clock: Clock;
  /** 0 ≤ n < 1 */
  readonly random: () => number;
  readonly log: Logger;
  readonly settings: RegistrySettings;
  /** All addresses of a host name. */
  readonly lookUp: LookUp;
  /** Called after each commit that may have written events. */
  wakeRelay(): void;
  /** Called after each commit that made a check due. */
  wakeSweep(): void;
}

export type LookUp = (name: string) => Promise<readonly string[]>;

export interface RegistrySettings {
  readonly privateAddresses: PrivateAddresses;
  /** Proxies a tenant. */
  readonly proxyLimit: number;
  /** Accounts a proxy that names no capacity of its own. */
  readonly capacity: number;
  readonly policy: AssignmentPolicy;
  /** What an account whose kept proxy is down does at its next connection. */
  readonly whenDown: 'wait' | 'replace';
  /** Accounts of tenants that have no proxies connect directly. */
  readonly allowDirect: boolean;
  /** Where accounts of its tenant that are new go first. */
  readonly defaultProxy?: { readonly tenantId: string; readonly proxyId: string };
}

/** How long a way out is held from its answer, or from its last renewal. */
export const HOLD_TTL_MS = 60_000;

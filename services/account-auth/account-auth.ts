import type { MasterKeys } from '#lib/config/shared.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { Database } from '#lib/postgres/database.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { AccountAuthTables } from './tables.ts';

/** What every capability of this service stands on. */
export interface AccountAuth {
  readonly database: Database<AccountAuthTables>;
  readonly masterKeys: MasterKeys;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called after each commit that may have written events. */
  wakeRelay(): void;
}

import type { Transaction } from 'kysely';
import type { OutboxTables } from '#lib/events/outbox.ts';
import type { AccountTables } from './accounts/tables.ts';
import type { IdentityTables } from './identity/tables.ts';
import type { LoginTables } from './login/tables.ts';

/** The tables of migrations/, as Kysely sees them. int8 columns are read as bigint. */
export interface AccountAuthTables extends OutboxTables, IdentityTables, AccountTables, LoginTables {}

export type AccountAuthTransaction = Transaction<AccountAuthTables>;

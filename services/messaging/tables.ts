import type { Generated, Transaction } from 'kysely';
import type { InboxTables } from '#lib/events/consumer.ts';
import type { OutboxTables } from '#lib/events/outbox.ts';
import type { Database } from '#lib/postgres/database.ts';

/** The tables of migrations/, as Kysely sees them. int8 columns are read as bigint. */
export interface MessagingTables extends OutboxTables, InboxTables {
  processes: { process_id: string; address: string; expire_time: Date };
  keeps: { session_id: bigint; process_id: string; tenant_id: string; expire_time: Date };
  held_sessions: { session_id: bigint; tenant_id: string; account_id: string; process_id: string };
  session_users: { session_id: bigint; tenant_id: string; user_id: bigint };
  event_sequences: { entity_id: string; last_sequence: bigint };
  replays: {
    principal: string;
    method: string;
    request_id: string;
    body_hash: Uint8Array;
    answer: Uint8Array;
    create_time: Generated<Date>;
  };
}

export type MessagingDatabase = Database<MessagingTables>;
export type MessagingTransaction = Transaction<MessagingTables>;

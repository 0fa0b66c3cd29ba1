import type { Generated, Transaction } from 'kysely';
import type { InboxTables } from '#lib/events/consumer.ts';
import type { OutboxTables } from '#lib/events/outbox.ts';
import type { Database } from '#lib/postgres/database.ts';

/** The tables of migrations/, as Kysely sees them. int8 columns are read as bigint. */
export interface RegistryTables extends OutboxTables, InboxTables {
  proxies: {
    proxy_id: string;
    ordinal: Generated<bigint>;
    tenant_id: string;
    host: string;
    port: number;
    username: string;
    name: string;
    labels: Record<string, string>;
    country: string;
    capacity: number;
    pinned_address: string;
    dial_revision: Generated<bigint>;
    revision: Generated<bigint>;
    create_time: Generated<Date>;
  };
  proxy_passwords: {
    proxy_id: string;
    tenant_id: string;
    master_key_version: number;
    wrapped_key: Uint8Array;
    ciphertext: Uint8Array;
  };
  proxy_status: {
    proxy_id: string;
    tenant_id: string;
    state: Generated<number>;
    state_reason: Generated<string>;
    latency_ms: number | null;
    exit_address: Generated<string>;
    check_time: Date | null;
    failures: Generated<number>;
    next_check_time: Generated<Date>;
    assigned_count: Generated<number>;
    event_sequence: Generated<bigint>;
  };
  turns: { tenant_id: string; last_ordinal: Generated<bigint> };
  assignments: {
    assignment_id: string;
    ordinal: Generated<bigint>;
    tenant_id: string;
    account_id: string | null;
    session_id: bigint | null;
    proxy_id: string | null;
    state: number;
    policy: number;
    labels: Record<string, string>;
    country: string;
    allow_direct: boolean;
    assign_time: Generated<Date>;
  };
  holds: {
    hold_id: string;
    tenant_id: string;
    assignment_id: string | null;
    proxy_id: string | null;
    process_id: string;
    expire_time: Date;
  };
  replays: {
    principal: string;
    method: string;
    request_id: string;
    body_hash: Uint8Array;
    answer: Uint8Array;
    create_time: Generated<Date>;
  };
  audit: {
    audit_id: Generated<bigint>;
    tenant_id: string;
    subject: string;
    action: string;
    proxy_id: string | null;
    account_id: string | null;
    session_id: bigint | null;
    detail: Generated<unknown>;
    audit_time: Generated<Date>;
  };
}

export type RegistryDatabase = Database<RegistryTables>;
export type RegistryTransaction = Transaction<RegistryTables>;

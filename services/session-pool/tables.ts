import type { Generated } from 'kysely';
import type { Database } from '#lib/postgres/database.ts';
import type { OutboxTables } from '#lib/events/outbox.ts';

/** The tables of migrations/, as Kysely sees them. int8 columns are read as bigint. */
export interface PoolTables extends OutboxTables {
  installation: { singleton: Generated<boolean>; epoch: Generated<number> };
  sessions: {
    session_id: Generated<bigint>;
    tenant_id: string;
    name: string;
    account_id: Generated<string>;
    environment: string;
    labels: Generated<Record<string, string>>;
    condition_reason: Generated<string>;
    data_center: number;
    source: SessionOrigin;
    has_file: Generated<boolean>;
    fingerprint: Uint8Array;
    condition_before_leaving: number | null;
    revision: Generated<bigint>;
    create_time: Generated<Date>;
  };
  session_keys: {
    session_id: bigint;
    master_key_version: number;
    wrapped_key: Uint8Array;
    ciphertext: Uint8Array;
  };
  slots: {
    session_id: bigint;
    tenant_id: string;
    fencing_token: Generated<bigint>;
    event_sequence: Generated<bigint>;
    condition: Generated<number>;
    lease_id: string | null;
    holder: string | null;
    subject: string | null;
    credentials: boolean | null;
    ttl_ms: number | null;
    file_quarantine_ms: number | null;
    acquire_time: Date | null;
    expire_time: Date | null;
    drain_time: Date | null;
    claim_process: string | null;
    claim_token: bigint | null;
    claim_expire_time: Date | null;
    quarantine_end_time: Date | null;
    wait_end_time: Date | null;
    paused: Generated<boolean>;
    last_used_time: Date | null;
  };
  flood_waits: { session_id: bigint; method: string; peer: string; end_time: Date };
  waiters: {
    waiter_id: Generated<bigint>;
    tenant_id: string;
    replica_id: string;
    selector_key: string;
    request: unknown;
    granted: unknown;
    create_time: Generated<Date>;
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
    session_id: bigint | null;
    lease_id: string | null;
    detail: Generated<unknown>;
    audit_time: Generated<Date>;
  };
  session_files: {
    tenant_id: string;
    file_name: string;
    session_id: bigint | null;
    fingerprint: Uint8Array | null;
    size: bigint;
    mtime_ms: number;
    /** A number that may be above what int8 holds. */
    inode: string;
    settled: boolean;
    broken: boolean;
    fault: string | null;
  };
  session_sync: {
    tenant_id: string;
    run_id: string;
    start_time: Date | null;
    end_time: Date | null;
    added: Generated<number>;
    removed: Generated<number>;
    total: Generated<number>;
    fault_count: Generated<number>;
  };
  availability: { singleton: Generated<boolean>; stamp_time: Generated<Date>; resume_time: Generated<Date> };
  replicas: { replica_id: string; stamp_time: Generated<Date> };
}

export type SessionOrigin = 'import' | 'sync' | 'login';

export type PoolDatabase = Database<PoolTables>;

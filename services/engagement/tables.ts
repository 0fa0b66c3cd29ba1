import type { Generated, JSONColumnType, Transaction } from 'kysely';
import type { InboxTables } from '#lib/events/consumer.ts';
import type { OutboxTables } from '#lib/events/outbox.ts';
import type { Database } from '#lib/postgres/database.ts';
import type {
  ActionKind,
  ActionState,
  CampaignPlan,
  CampaignState,
  PauseCause,
  TargetState,
} from './model.ts';

/** The tables of migrations/, as Kysely sees them. int8 columns are read as bigint. */
export interface EngagementTables extends OutboxTables, InboxTables {
  targets: {
    target_id: string;
    ordinal: Generated<bigint>;
    tenant_id: string;
    environment: string;
    channel: string;
    title: string;
    username: string;
    linked_group: string;
    allowed_reactions: string[];
    all_reactions: boolean;
    state: TargetState;
    state_reason: Generated<string>;
    admin_account_id: string;
    verify_time: Date;
    next_verify_time: Date;
    create_time: Generated<Date>;
  };
  campaigns: {
    campaign_id: string;
    ordinal: Generated<bigint>;
    tenant_id: string;
    owner: string;
    target_id: string;
    channel: string;
    kind: ActionKind;
    plan: JSONColumnType<CampaignPlan>;
    state: CampaignState;
    state_reason: Generated<string>;
    pause_cause: Generated<PauseCause>;
    start_time: Date;
    end_time: Date | null;
    post_ids: bigint[] | null;
    planned: Generated<boolean>;
    newest_post_id: Generated<bigint>;
    next_look_time: Date | null;
    claim_time: Date | null;
    leftover: Generated<boolean>;
    create_time: Generated<Date>;
    finish_time: Date | null;
  };
  campaign_accounts: {
    campaign_id: string;
    account_id: string;
    drop_reason: Generated<string>;
    drop_time: Date | null;
  };
  actions: {
    action_id: string;
    ordinal: Generated<bigint>;
    tenant_id: string;
    campaign_id: string;
    target_id: string;
    channel: string;
    account_id: string;
    post_id: bigint;
    kind: ActionKind;
    state: Generated<ActionState>;
    reason: Generated<string>;
    attempts: Generated<number>;
    content: Generated<string>;
    message_id: Generated<bigint>;
    due_time: Date;
    start_time: Date | null;
    end_time: Date | null;
    trace_id: Generated<string>;
  };
  action_counts: {
    campaign_id: string;
    part: number;
    planned: bigint;
    running: bigint;
    done: bigint;
    failed: bigint;
    skipped: bigint;
  };
  kill_switches: { scope: string; is_on: boolean; reason: string; subject: string; set_time: Date };
  raised_ceilings: {
    name: string;
    environment: string;
    value: string;
    default_value: string;
    process_id: string;
    raise_time: Generated<Date>;
  };
  event_sequences: { entity_id: string; last_sequence: bigint };
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
    target_id: string | null;
    campaign_id: string | null;
    account_id: string | null;
    detail: Generated<unknown>;
    audit_time: Generated<Date>;
  };
}

export type EngagementDatabase = Database<EngagementTables>;
export type EngagementTransaction = Transaction<EngagementTables>;

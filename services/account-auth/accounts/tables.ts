import type { Generated } from 'kysely';
import type { InboxTables } from '#lib/events/consumer.ts';
import type { StateName } from './model.ts';

export interface AccountTables extends InboxTables {
  accounts: {
    account_id: string;
    ordinal: Generated<bigint>;
    tenant_id: string;
    name: string;
    phone: Generated<string>;
    paused: Generated<boolean>;
    state: StateName;
    state_reason: Generated<string>;
    state_time: Generated<Date>;
    session_id: bigint | null;
    untied: Generated<boolean>;
    labels: Generated<Record<string, string>>;
    session_revision: Generated<bigint>;
    telegram_user_id: Generated<string>;
    username: Generated<string>;
    environment: string;
    allow_direct: Generated<boolean>;
    logging_out: Generated<boolean>;
    logging_out_time: Date | null;
    direct_untold: Generated<boolean>;
    login_time: Date | null;
    check_time: Date | null;
    check_start_time: Date | null;
    event_sequence: Generated<bigint>;
    revision: Generated<bigint>;
    create_time: Generated<Date>;
  };
  health_sweep: { singleton: Generated<boolean>; next_time: Generated<Date> };
}

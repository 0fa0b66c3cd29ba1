import type { Generated } from 'kysely';

export type LoginKind = 'phone' | 'qr';

export type LiveState = 'starting' | 'code_sent' | 'qr_shown' | 'password_needed' | 'finishing';
export type EndedState = 'authorised' | 'cancelled' | 'failed';

export type StoredCodeKind = '' | 'app' | 'sms' | 'call' | 'email';

export interface LoginRow {
  login_id: string;
  tenant_id: string;
  kind: LoginKind;
  phone: string;
  environment: string;
  state: LiveState | EndedState;
  is_unsure: boolean;
  subject: string;
  request_id: string | null;
  body_hash: Buffer | null;
  proxy_id: string | null;
  labels: Record<string, string>;
  name: string;
  data_center: number | null;
  master_key_version: number | null;
  wrapped_key: Buffer | null;
  ciphertext: Buffer | null;
  code_kind: StoredCodeKind;
  code_length: number;
  next_code_kind: StoredCodeKind;
  resend_time: Date | null;
  attempts_left: number;
  password_hint: string;
  worker_id: string | null;
  worker_end_time: Date | null;
  wanted_by: string | null;
  telegram_user_id: string;
  username: string;
  authorised_time: Date | null;
  account_id: string | null;
  session_id: bigint | null;
  end_reason: string;
  create_time: Date;
  expire_time: Date;
  end_time: Date | null;
}

export interface LoginTables {
  telegram_logins: { [K in keyof LoginRow]: K extends 'create_time' ? Generated<Date> : LoginRow[K] };
  phone_waits: {
    environment: string;
    phone: string;
    method: string;
    telegram_error: string;
    end_time: Date;
  };
}

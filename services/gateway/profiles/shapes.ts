import { timestampMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import { AccountState, AccountStatus, type Account } from '#gen/telegate/account_auth/v1/account_pb.ts';
import { nullable, object, text, type Schema } from '../docs/schema.ts';

/* An account as clients of the older systems know it. */

const STATES: Readonly<Record<AccountState, string>> = {
  [AccountState.UNSPECIFIED]: 'unknown',
  [AccountState.NEW]: 'new',
  [AccountState.AUTHORISED]: 'authorized',
  [AccountState.NEEDS_LOGIN]: 'needs_login',
  [AccountState.LIMITED]: 'limited',
  [AccountState.FROZEN]: 'frozen',
  [AccountState.BANNED]: 'banned',
};

export function stateText(state: AccountState): string {
  return STATES[state] ?? 'unknown';
}

export function statusText(status: AccountStatus): 'active' | 'paused' {
  return status === AccountStatus.PAUSED ? 'paused' : 'active';
}

export const stateSchema: Schema = {
  type: 'string',
  enum: Object.values(STATES),
  description: 'What Telegram makes of it. Read-only.',
  example: 'authorized',
};

export function isoTime(time: Timestamp): string {
  return new Date(timestampMs(time)).toISOString();
}

export function profileJson(account: Account) {
  return {
    id: account.accountId,
    phone: account.phone,
    name: account.name,
    username: account.username || null,
    state: stateText(account.state),
  };
}

export const profileSchema = object({
  id: text('A UUID.'),
  phone: text('In E.164.', '+15550000001'),
  name: text("The owner's name for it.", 'Support'),
  username: nullable('string', 'Without "@"; null when it has none.', 'support_desk'),
  state: stateSchema,
});

import { create } from '@bufbuild/protobuf';
import { timestampFromDate, type Timestamp } from '@bufbuild/protobuf/wkt';
import type { Selectable } from 'kysely';
import {
  AccountSchema,
  AccountState,
  AccountStatus,
  type Account,
} from '#gen/telegate/account_auth/v1/account_pb.ts';
import type { AccountTables } from './tables.ts';

export type StateName = 'new' | 'authorised' | 'needs_login' | 'limited' | 'frozen' | 'banned';

export type AccountRow = Selectable<AccountTables['accounts']>;

const STATES: Readonly<Record<StateName, AccountState>> = {
  new: AccountState.NEW,
  authorised: AccountState.AUTHORISED,
  needs_login: AccountState.NEEDS_LOGIN,
  limited: AccountState.LIMITED,
  frozen: AccountState.FROZEN,
  banned: AccountState.BANNED,
};

export const stateNames = Object.keys(STATES) as readonly StateName[];

/** None for UNSPECIFIED: any. */
export function stateNameOf(state: AccountState): StateName | undefined {
  return stateNames.find((name) => STATES[name] === state);
}

export function etagOf(row: { revision: bigint }): string {
  return String(row.revision);
}

export function accountMessage(row: AccountRow): Account {
  return create(AccountSchema, {
    accountId: row.account_id,
    name: row.name,
    phone: row.phone,
    status: row.paused ? AccountStatus.PAUSED : AccountStatus.ACTIVE,
    state: STATES[row.state],
    stateReason: row.state_reason,
    sessionId: row.session_id ?? 0n,
    labels: row.labels,
    telegramUserId: row.telegram_user_id,
    username: row.username,
    environment: row.environment,
    allowDirect: row.allow_direct,
    createTime: timestampFromDate(row.create_time),
    loginTime: time(row.login_time),
    checkTime: time(row.check_time),
    etag: etagOf(row),
  });
}

function time(date: Date | null): Timestamp | undefined {
  return date === null ? undefined : timestampFromDate(date);
}

/** Of a page's answer, well below the 4 MiB that a message may have. */
const PAGE_BYTES = 3 * 1024 * 1024;
const ROW_BYTES = 1_024;
const BYTES_A_CHARACTER = 4;

/** How many of these rows one answer holds, at least one; the rest come with the next page. */
export function rowsThatFit(rows: readonly AccountRow[]): number {
  let bytes = 0;
  for (const [index, { labels }] of rows.entries()) {
    const text = Object.entries(labels).reduce((sum, [key, value]) => sum + key.length + value.length + 8, 0);
    bytes += ROW_BYTES + text * BYTES_A_CHARACTER;
    if (bytes > PAGE_BYTES && index > 0) return index;
  }
  return rows.length;
}

/** An account that came with its session and of which nothing else is known: with the session it goes. */
export function isOnlyItsSession(row: AccountRow): boolean {
  return row.phone === '' && row.telegram_user_id === '';
}

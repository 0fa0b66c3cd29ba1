import { sql } from 'kysely';
import type { AccountAuthEvent } from '../events.ts';
import type { AccountAuthTransaction } from '../tables.ts';
import type { AccountRow, StateName } from './model.ts';
import { appendAccountEvent } from './store.ts';

/** What became known of an account, and when that happened by the database's clock. */
export interface StateNews {
  state: StateName;
  /** As Telegram said it. */
  reason: string;
  time: Date;
}

/** The caller holds the row's lock. What is older than what is known changes nothing; a change is published. */
export async function changeState(
  trx: AccountAuthTransaction,
  row: AccountRow,
  { state, reason, time }: StateNews,
): Promise<AccountRow> {
  if (time < row.state_time && row.state !== 'new') return row;
  const { rows } = await sql<AccountRow>`
    update accounts set state = ${state}, state_reason = ${reason}, state_time = ${time}
    where account_id = ${row.account_id}::uuid
    returning *`.execute(trx);
  const event = row.state === state ? undefined : eventOf(row, state, reason);
  if (event) await appendAccountEvent(trx, row, event);
  return rows[0]!;
}

/** None for a state that another event tells of. */
function eventOf(
  { account_id: accountId }: AccountRow,
  state: StateName,
  telegramError: string,
): AccountAuthEvent | undefined {
  switch (state) {
    case 'needs_login':
      return { case: 'accountNeedsLogin', value: { accountId, telegramError } };
    case 'limited':
      return { case: 'accountLimited', value: { accountId, telegramError } };
    case 'frozen':
      return { case: 'accountFrozen', value: { accountId } };
    case 'banned':
      return { case: 'accountBanned', value: { accountId } };
    case 'new':
    case 'authorised':
      return undefined;
  }
}

export const LOGGED_OUT = 'it was logged out by its owner';

/**
 * The owner logged the account out, and the session has left the pool or is about to. Once an account, whoever sees
 * it first.
 */
export async function becomeLoggedOut(trx: AccountAuthTransaction, row: AccountRow): Promise<AccountRow> {
  const { rows } = await sql<AccountRow>`
    update accounts set session_id = null, session_revision = 0, untied = false, logging_out = false,
      logging_out_time = null,
      state = case when state = 'banned' then state else 'needs_login' end,
      state_reason = case when state = 'banned' then state_reason else ${LOGGED_OUT} end,
      state_time = clock_timestamp(), revision = revision + 1
    where account_id = ${row.account_id}::uuid
    returning *`.execute(trx);
  await appendAccountEvent(trx, row, { case: 'accountLoggedOut', value: { accountId: row.account_id } });
  return rows[0]!;
}

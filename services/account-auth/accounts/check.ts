import { sql, type QueryExecutorProvider } from 'kysely';
import { transaction } from '#lib/postgres/transaction.ts';
import { Api } from '#lib/telegram/client.ts';
import { AccountBanned, NeedsLogin } from '#lib/telegram/errors.ts';
import type { AccountAuthTransaction } from '../tables.ts';
import type { Accounts } from './accounts.ts';
import type { AccountRow, StateName } from './model.ts';
import { changeState } from './state.ts';
import { findAccount, lockAccount, takeTurn } from './store.ts';
import { visitTelegram, type AccountsOnTelegram, type VisitLimits } from './visit.ts';

/** Telegram never says when a limit ends: after so long it is taken to have ended, until Telegram says otherwise. */
const LIMIT_BELIEVED = '24 hours';
const E164 = /^\+[1-9]\d{6,14}$/;

export interface Checked {
  row: AccountRow;
  latencyMs: number;
}

/**
 * Asks Telegram who the account is, and keeps what it says. Only Telegram's own word changes the state: a network that
 * fails, a wait or a lost lease says nothing of the account.
 */
export async function checkAccount(
  accounts: Accounts,
  telegram: AccountsOnTelegram,
  row: AccountRow,
  limits: VisitLimits,
): Promise<Checked> {
  const { clock, database } = accounts;
  if (row.session_id === null) throw new NeedsLogin(row.account_id);
  const startedAt = await databaseTime(database.kysely);
  try {
    const { user, latencyMs } = await visitTelegram(accounts, telegram, row, limits, async (visit) => {
      const from = clock.monotonic();
      const { users } = await visit.call(new Api.users.GetFullUser({ id: new Api.InputUserSelf() }));
      const answeredIn = clock.monotonic() - Math.max(from, visit.connectedAt() ?? from);
      return { user: users.find((one) => one instanceof Api.User && one.self), latencyMs: answeredIn };
    });
    const known = user instanceof Api.User ? user : undefined;
    return { row: await keepAnswer(accounts, row, startedAt, known), latencyMs };
  } catch (error) {
    const state = stateOf(error);
    if (state !== undefined) await keepState(accounts, row, state, telegramErrorOf(error));
    throw error;
  }
}

async function keepAnswer(
  accounts: Accounts,
  before: AccountRow,
  startedAt: Date,
  user: Api.User | undefined,
): Promise<AccountRow> {
  const { tenant_id: tenantId, account_id: accountId } = before;
  const kept = await transaction(accounts.database, async (trx) => {
    await takeTurn(trx, tenantId);
    const row = await lockAccount(trx, tenantId, { accountId });
    // It got another session, or is gone.
    if (row?.session_id !== before.session_id) return row;
    const phone = await freePhone(trx, row, user);
    const { rows } = await sql<AccountRow>`
      update accounts set phone = ${phone},
        telegram_user_id = ${user?.id.toString() ?? row.telegram_user_id},
        username = ${user ? usernameOf(user) : row.username},
        check_time = greatest(check_time, ${startedAt}),
        revision = revision + case when phone = ${phone} then 0 else 1 end
      where account_id = ${accountId}::uuid
      returning *, state <> 'limited' or state_time < clock_timestamp() - interval '${sql.raw(LIMIT_BELIEVED)}' as works`.execute(
      trx,
    );
    const { works, ...changed } = rows[0]! as AccountRow & { works: boolean };
    if (!works || changed.state === 'authorised') return changed;
    return changeState(trx, changed, { state: 'authorised', reason: '', time: startedAt });
  });
  accounts.wakeRelay();
  return kept ?? before;
}

/** The number as Telegram knows it, unless it is another account's here already. */
async function freePhone(
  trx: AccountAuthTransaction,
  row: AccountRow,
  user: Api.User | undefined,
): Promise<string> {
  const phone = `+${user?.phone?.replace(/\D/g, '') ?? ''}`;
  if (!E164.test(phone) || phone === row.phone) return row.phone;
  return (await findAccount(trx, row.tenant_id, { phone })) ? row.phone : phone;
}

const USERNAME_LENGTH = 64;

function usernameOf({ username, usernames }: Api.User): string {
  const name = username ?? usernames?.find(({ active }) => active)?.username ?? '';
  return name.toWellFormed().replaceAll('\0', '').slice(0, USERNAME_LENGTH);
}

function stateOf(error: unknown): StateName | undefined {
  if (error instanceof NeedsLogin) return 'needs_login';
  if (error instanceof AccountBanned) return error.metadata['state'] === 'frozen' ? 'frozen' : 'banned';
  return undefined;
}

/** As Telegram said it, in brackets in the sentence. */
function telegramErrorOf(error: unknown): string {
  return error instanceof Error ? (/\(([A-Z0-9_]+)\)/.exec(error.message)?.[1] ?? '') : '';
}

async function keepState(
  accounts: Accounts,
  { tenant_id: tenantId, account_id: accountId, session_id: sessionId }: AccountRow,
  state: StateName,
  reason: string,
): Promise<void> {
  await transaction(accounts.database, async (trx) => {
    const row = await lockAccount(trx, tenantId, { accountId });
    if (row?.session_id !== sessionId || row.logging_out || row.state === state) return;
    await changeState(trx, row, { state, reason, time: await databaseTime(trx) });
  });
  accounts.wakeRelay();
}

export async function databaseTime(db: QueryExecutorProvider): Promise<Date> {
  const { rows } = await sql<{ at: Date }>`select clock_timestamp() as at`.execute(db);
  return rows[0]!.at;
}

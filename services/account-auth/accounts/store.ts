import { randomUUIDv7 } from 'node:crypto';
import { sql, type QueryExecutorProvider } from 'kysely';
import { appendEvents } from '#lib/events/outbox.ts';
import { canonicalText } from '#lib/requests/canonical.ts';
import { NotFound } from '#lib/rpc/errors.ts';
import { accountAuthEvent, type AccountAuthEvent } from '../events.ts';
import type { AccountAuthTransaction } from '../tables.ts';
import { isOnlyItsSession, type AccountRow } from './model.ts';

/**
 * Whoever makes an account or changes what is unique in the tenant (phone, user, session) does it alone there, so
 * that what it looked up stays true until it commits.
 */
export async function takeTurn(trx: AccountAuthTransaction, tenantId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`telegate accounts ${tenantId}`}, 0))`.execute(
    trx,
  );
}

export type AccountKey = { accountId: string } | { phone: string } | { sessionId: bigint };

function named(key: AccountKey) {
  if ('accountId' in key) return sql`account_id = ${key.accountId}::uuid`;
  if ('phone' in key) return sql`phone = ${key.phone} and phone <> ''`;
  return sql`session_id = ${key.sessionId}`;
}

export async function findAccount(
  db: QueryExecutorProvider,
  tenantId: string,
  key: AccountKey,
): Promise<AccountRow | undefined> {
  const { rows } = await sql<AccountRow>`
    select * from accounts where tenant_id = ${tenantId}::uuid and ${named(key)}`.execute(db);
  return rows[0];
}

export async function readAccount(
  db: QueryExecutorProvider,
  tenantId: string,
  key: AccountKey,
): Promise<AccountRow> {
  const row = await findAccount(db, tenantId, key);
  if (!row) throw new NotFound('account', String(Object.values(key)[0]));
  return row;
}

/** The account as it stands after the wait for its lock. */
export async function lockAccount(
  trx: AccountAuthTransaction,
  tenantId: string,
  key: AccountKey,
): Promise<AccountRow | undefined> {
  const { rows } = await sql<AccountRow>`
    select * from accounts where tenant_id = ${tenantId}::uuid and ${named(key)} for update`.execute(trx);
  return rows[0];
}

export interface NewAccount {
  accountId?: string | undefined;
  tenantId: string;
  name: string;
  phone: string;
  paused: boolean;
  labels: Readonly<Record<string, string>>;
  environment: string;
  allowDirect: boolean;
}

/** In state `new`. The caller has its turn and knows that the phone is free. */
export async function insertAccount(trx: AccountAuthTransaction, wish: NewAccount): Promise<AccountRow> {
  const { accountId = randomUUIDv7(), tenantId, name, phone, paused, labels, environment } = wish;
  const { rows } = await sql<AccountRow>`
    insert into accounts
      (account_id, tenant_id, name, phone, paused, state, labels, environment, allow_direct, direct_untold)
    values (${accountId}::uuid, ${tenantId}::uuid, ${name}, ${phone}, ${paused}, 'new',
      ${JSON.stringify(labels)}::jsonb, ${environment}, ${wish.allowDirect}, ${wish.allowDirect})
    returning *`.execute(trx);
  return rows[0]!;
}

export async function deleteRow(trx: AccountAuthTransaction, accountId: string): Promise<void> {
  await sql`delete from accounts where account_id = ${accountId}::uuid`.execute(trx);
}

/** The place of one more event among the account's; in the transaction that made it true. */
export async function appendAccountEvent(
  trx: AccountAuthTransaction,
  { account_id, tenant_id }: Pick<AccountRow, 'account_id' | 'tenant_id'>,
  payload: AccountAuthEvent,
): Promise<void> {
  const { rows } = await sql<{ sequence: bigint; at: Date }>`
    update accounts set event_sequence = event_sequence + 1 where account_id = ${account_id}::uuid
    returning event_sequence as sequence, clock_timestamp() as at`.execute(trx);
  const { sequence, at } = rows[0]!;
  const origin = { entityId: account_id, tenantId: tenant_id, sequence, occurTime: at };
  await appendEvents(trx, [accountAuthEvent(origin, payload)]);
}

export interface TelegramLogin {
  tenantId: string;
  /** What the pool was told: the account that was to log in, or the id that a new one is to get. */
  accountId?: string | undefined;
  phone: string;
  telegramUserId: string;
  username: string;
  /** Of a new account. */
  name: string;
  /** Of the session. */
  labels: Readonly<Record<string, string>>;
  sessionId: bigint;
  environment: string;
  /** When Telegram authorised it, by the database's clock. */
  loginTime: Date;
}

/**
 * Records that an account logged in here and has this session in the pool: the account of that phone or that
 * Telegram user, which is made when there is none. It may come late or twice; wake the relay after the commit.
 */
export async function recordLogin(trx: AccountAuthTransaction, login: TelegramLogin): Promise<AccountRow> {
  const { tenantId, accountId, phone, telegramUserId, sessionId, environment, loginTime } = login;
  await takeTurn(trx, tenantId);
  const { rows: known } = await sql<AccountRow>`
    select * from accounts
    where tenant_id = ${tenantId}::uuid and (
      account_id = ${accountId ?? null}::uuid or session_id = ${sessionId}
      or (phone <> '' and phone = ${phone})
      or (telegram_user_id <> '' and telegram_user_id = ${telegramUserId} and environment = ${environment}))
    order by ordinal for update`.execute(trx);
  const account =
    chosen(known, login) ??
    (await insertAccount(trx, {
      ...login,
      accountId: known.some((row) => row.account_id === accountId) ? undefined : accountId,
      phone: '',
      paused: false,
      allowDirect: false,
    }));
  await takeFromOthers(trx, known, account, sessionId);
  const isRepeat = account.session_id === sessionId && account.login_time?.getTime() === loginTime.getTime();
  const isPhoneFree = phone !== '' && !known.some((row) => row !== account && row.phone === phone);
  const isSameSession = account.session_id === sessionId;
  const labels = isSameSession ? account.labels : { ...account.labels, ...login.labels };
  const knowsNoLabels = !isSameSession && canonicalText(labels) !== canonicalText(login.labels);
  const isUntold = account.account_id !== accountId || (!isSameSession && account.paused) || knowsNoLabels;
  const { rows } = await sql<AccountRow>`
    update accounts set
      session_id = ${sessionId},
      session_revision = ${isSameSession ? account.session_revision : 0n},
      labels = ${JSON.stringify(labels)}::jsonb,
      untied = untied or ${isUntold},
      phone = case when ${isPhoneFree} then ${phone} else phone end,
      telegram_user_id = ${telegramUserId}, username = ${login.username}, environment = ${environment},
      name = case when name = '' then ${login.name === '' ? phone : login.name} else name end,
      -- What happened to the session after this login is known already.
      state = case when state_time > ${loginTime} and state <> 'new' then state else 'authorised' end,
      state_reason = case when state_time > ${loginTime} then state_reason else '' end,
      state_time = case when state = 'new' then ${loginTime} else greatest(state_time, ${loginTime}) end,
      login_time = greatest(login_time, ${loginTime}), check_time = greatest(check_time, ${loginTime}),
      logging_out = false, revision = revision + 1
    where account_id = ${account.account_id}::uuid
    returning *`.execute(trx);
  const row = rows[0]!;
  if (!isRepeat)
    await appendAccountEvent(trx, row, {
      case: 'accountAuthorised',
      value: { accountId: row.account_id, sessionId },
    });
  return row;
}

/** The one whose phone it is comes first; one that keeps another session can not take this one. */
function chosen(known: readonly AccountRow[], login: TelegramLogin): AccountRow | undefined {
  const { accountId, phone, telegramUserId, sessionId } = login;
  const takers = known.filter((row) => row.session_id === null || row.session_id === sessionId);
  return (
    takers.find((row) => row.phone !== '' && row.phone === phone) ??
    takers.find((row) => row.telegram_user_id !== '' && row.telegram_user_id === telegramUserId) ??
    takers.find((row) => row.account_id === accountId) ??
    takers[0]
  );
}

async function takeFromOthers(
  trx: AccountAuthTransaction,
  known: readonly AccountRow[],
  account: AccountRow,
  sessionId: bigint,
): Promise<void> {
  for (const other of known) {
    if (other.account_id === account.account_id || other.session_id !== sessionId) continue;
    if (isOnlyItsSession(other)) await deleteRow(trx, other.account_id);
    else
      await sql`
        update accounts set session_id = null, untied = false, revision = revision + 1
        where account_id = ${other.account_id}::uuid`.execute(trx);
  }
}

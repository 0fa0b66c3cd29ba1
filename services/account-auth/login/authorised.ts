import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { Api } from '#lib/telegram/client.ts';
import { TelegramRefused } from '#lib/telegram/errors.ts';
import { SignUpRefused } from './errors.ts';
import { failLogin } from './ending.ts';
import type { HeldLogin } from './held-login.ts';
import type { LoginRow } from './tables.ts';

/** Telegram's answer to a code, a password or a token. */
export async function accepted(held: HeldLogin, answer: Api.auth.TypeAuthorization): Promise<LoginRow> {
  if (answer instanceof Api.auth.AuthorizationSignUpRequired)
    throw await failLogin(held, new SignUpRefused());
  return authorised(held, answer.user);
}

/** No code is waited for any more. */
const noCode = { code_length: 0, next_code_kind: '', resendInMs: null } as const;

/** From here on the key is an account's: whatever happens, it goes to the pool. */
async function authorised(held: HeldLogin, user: Api.TypeUser): Promise<LoginRow> {
  const { row, logins } = held;
  const known = user instanceof Api.User ? user : undefined;
  // The library gives null for what is absent, whatever its types say.
  const phone = known?.phone ? `+${known.phone.replace(/\D/g, '')}` : row.phone;
  const telegramUserId = user.id.toString();
  const accountId = row.account_id ?? (await accountOf(held, phone, telegramUserId)) ?? randomUUIDv7();
  const fullName = [known?.firstName, known?.lastName].filter(Boolean).join(' ');
  const { rows } = await sql<{ at: Date }>`select clock_timestamp() as at`.execute(logins.database.kysely);
  return held.change({
    state: 'finishing',
    is_unsure: false,
    phone,
    telegram_user_id: telegramUserId,
    username: known?.username ?? '',
    name: row.name === '' ? shortened(fullName) : row.name,
    account_id: accountId,
    authorised_time: rows[0]!.at,
    ...noCode,
    password_hint: '',
  });
}

const NAME_LENGTH = 128;

/** As a name of an account may be; what is no text at all is left out. */
function shortened(name: string): string {
  const plain = name
    .toWellFormed()
    .replace(/\p{Cc}/gu, ' ')
    .trim();
  return Array.from(plain).slice(0, NAME_LENGTH).join('');
}

async function accountOf(
  { logins, row }: HeldLogin,
  phone: string,
  telegramUserId: string,
): Promise<string | undefined> {
  const { rows } = await sql<{ account_id: string }>`
    select account_id from accounts
    where tenant_id = ${row.tenant_id}::uuid and environment = ${row.environment}
      and ((phone <> '' and phone = ${phone}) or telegram_user_id = ${telegramUserId})
    order by phone = ${phone} desc limit 1`.execute(logins.database.kysely);
  return rows[0]?.account_id;
}

/**
 * After a call of which nobody knows whether it was carried out: what Telegram makes of the key now. The answer
 * to the call itself may have been a yes.
 */
export async function findOut(held: HeldLogin): Promise<LoginRow> {
  if (!held.secrets) return held.change({ is_unsure: false });
  try {
    const [user] = await held.call(new Api.users.GetUsers({ id: [new Api.InputUserSelf()] }));
    if (user) return await authorised(held, user);
    return held.row;
  } catch (error) {
    if (!(error instanceof TelegramRefused)) throw error;
    const { verdict } = error;
    const needsPassword = verdict.kind === 'login' && verdict.step === 'needs_password';
    // Of a password that was asked for before, the attempts are counted on.
    if (needsPassword && held.row.state !== 'password_needed') return passwordNeeded(held);
    if (needsPassword) return held.change({ is_unsure: false });
    if (verdict.kind === 'condition' && verdict.condition === 'needs_login')
      return held.change({ is_unsure: false });
    throw error;
  }
}

/** The code or the token was good, and the account has a password besides. */
export async function passwordNeeded(held: HeldLogin): Promise<LoginRow> {
  const { attempts, ttlMs } = held.logins.settings;
  const { hint } = await held.call(new Api.account.GetPassword());
  return held.change({
    state: 'password_needed',
    is_unsure: false,
    password_hint: Array.from(hint?.toWellFormed() ?? '')
      .slice(0, HINT_LENGTH)
      .join(''),
    attempts_left: attempts,
    ...noCode,
    expireInMs: ttlMs,
  });
}

const HINT_LENGTH = 256;

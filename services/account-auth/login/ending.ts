import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import type { DomainError } from '#lib/rpc/errors.ts';
import { reasonName } from '#lib/rpc/status.ts';
import { Api } from '#lib/telegram/client.ts';
import { AccountBanned, TelegramRefused } from '#lib/telegram/errors.ts';
import { safeMessage } from '#lib/telemetry/safe-error.ts';
import { LoginEnded } from './errors.ts';
import type { HeldLogin } from './held-login.ts';
import { measureEnd } from './metrics.ts';
import { noSecrets } from './secrets.ts';
import type { LoginRow } from './tables.ts';

/** Nothing of the key stays behind. */
export async function endLogin(
  held: HeldLogin,
  state: 'cancelled' | 'failed',
  reason: ErrorReason = ErrorReason.UNSPECIFIED,
): Promise<LoginRow> {
  const row = await held.change({
    state,
    end_reason: reason === ErrorReason.UNSPECIFIED ? '' : reasonName(reason),
    is_unsure: false,
    password_hint: '',
    ...noSecrets,
    // Nothing came of the request: a repeat begins anew.
    ...(held.row.state === 'starting' ? { request_id: null } : {}),
    ends: true,
  });
  measureEnd(row.kind, state, row.end_reason);
  return row;
}

/** The login fails, and the caller is told why. */
export async function failLogin(held: HeldLogin, error: DomainError): Promise<DomainError> {
  await endLogin(held, 'failed', error.reason);
  return error;
}

/** What the caller of a step is told of Telegram's refusal; the login ends where it can not go on. */
export async function settled(held: HeldLogin, error: unknown): Promise<unknown> {
  if (!(error instanceof TelegramRefused)) return error;
  const { verdict, telegramError } = error;
  const { login_id: loginId, account_id: accountId } = held.row;
  switch (verdict.kind) {
    case 'condition': {
      const { condition } = verdict;
      if (condition === 'banned' || condition === 'frozen')
        return failLogin(held, new AccountBanned(accountId ?? '', condition, telegramError.type));
      if (condition === 'limited') return failLogin(held, error);
      return failLogin(held, new LoginEnded(loginId, 'Telegram no longer knows it'));
    }
    case 'login':
      if (verdict.step === 'starts_over')
        return failLogin(
          held,
          new LoginEnded(loginId, 'the code has expired', 'Start a new one: a new code is sent then.'),
        );
      return error;
    case 'wait':
    case 'migrate':
    case 'trouble':
    case 'sent_before':
    case 'refused':
      return error;
  }
}

/** Asks Telegram to forget the login too; where it can not be asked, its own time limits see to that. */
export async function forgetAtTelegram(held: HeldLogin): Promise<void> {
  const { secrets, row } = held;
  if (!secrets) return;
  const { phoneCodeHash } = secrets;
  try {
    if (row.state === 'code_sent' && !row.is_unsure)
      await held.call(new Api.auth.CancelCode({ phoneNumber: row.phone, phoneCodeHash }));
    else await held.call(new Api.auth.LogOut());
  } catch (error) {
    held.logins.log.info(
      { event: 'login_not_forgotten', loginId: row.login_id, problem: safeMessage(error) },
      'Telegram could not be told that a login was given up',
    );
  }
}

/** For calls that find the login over. */
export function endedError({ login_id: loginId, state, end_reason: reason }: LoginRow): LoginEnded {
  if (state === 'authorised')
    return new LoginEnded(loginId, 'it is authorised', 'Log the account out instead.');
  if (state === 'cancelled') return new LoginEnded(loginId, 'it was cancelled');
  const why = reason === 'LOGIN_ENDED' ? 'its time is over' : `it failed (${reason})`;
  return new LoginEnded(loginId, why);
}

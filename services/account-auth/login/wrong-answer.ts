import type { DomainError } from '#lib/rpc/errors.ts';
import { endLogin, forgetAtTelegram } from './ending.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { LoginCodeWrong, LoginEnded } from './errors.ts';
import type { HeldLogin } from './held-login.ts';

/** One attempt less; with the last one the login ends. */
export async function wrongAnswer(held: HeldLogin, what: 'code' | 'password'): Promise<DomainError> {
  const attemptsLeft = held.row.attempts_left - 1;
  await held.change({ attempts_left: attemptsLeft, is_unsure: false });
  if (attemptsLeft > 0) return new LoginCodeWrong(what, attemptsLeft);
  await forgetAtTelegram(held);
  await endLogin(held, 'failed', ErrorReason.LOGIN_CODE_WRONG);
  return new LoginEnded(held.row.login_id, `the ${what} was wrong too often`);
}

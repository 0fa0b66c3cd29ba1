import { Api, provePassword } from '#lib/telegram/client.ts';
import { TelegramRefused } from '#lib/telegram/errors.ts';
import { accepted } from './authorised.ts';
import { begin } from './begin.ts';
import type { LoginName } from './claim.ts';
import { notAsked } from './code.ts';
import { endedError, settled } from './ending.ts';
import { handOver } from './hand-over.ts';
import { withLogin, type HeldLogin } from './held-login.ts';
import type { Logins, StepLimits } from './logins.ts';
import { isStep, mayHaveTakenEffect } from './refusals.ts';
import type { LoginRow } from './tables.ts';
import { wrongAnswer } from './wrong-answer.ts';

export function submitPassword(
  logins: Logins,
  name: LoginName,
  password: string,
  limits: StepLimits,
): Promise<LoginRow> {
  return withLogin(logins, name, limits, async (held, claimed) => {
    const { state } = await begin(held, claimed);
    switch (state) {
      case 'password_needed':
        return check(held, password);
      case 'authorised':
        return held.row;
      case 'starting':
      case 'code_sent':
      case 'qr_shown':
        throw notAsked('login_id', 'the login does not wait for the password yet; send the code first');
      case 'finishing':
      case 'cancelled':
      case 'failed':
        throw endedError(held.row);
    }
  });
}

async function check(held: HeldLogin, password: string): Promise<LoginRow> {
  await held.change({ is_unsure: true });
  try {
    await accepted(held, await prove(held, password));
  } catch (error) {
    if (mayHaveTakenEffect(error)) throw error;
    await held.change({ is_unsure: false });
    if (!(error instanceof TelegramRefused)) throw error;
    if (isStep(error, 'wrong_answer')) throw await wrongAnswer(held, 'password');
    throw await settled(held, error);
  }
  return handOver(held);
}

async function prove(held: HeldLogin, password: string): Promise<Api.auth.TypeAuthorization> {
  try {
    return await proveOnce(held, password);
  } catch (error) {
    // SRP_ID_INVALID: what was asked for is of yesterday; once more, and no oftener.
    if (error instanceof TelegramRefused && isStep(error, 'fetch_again')) return proveOnce(held, password);
    throw error;
  }
}

async function proveOnce(held: HeldLogin, password: string): Promise<Api.auth.TypeAuthorization> {
  const asked = await held.call(new Api.account.GetPassword());
  const proof = await provePassword(asked, password);
  return held.call(new Api.auth.CheckPassword({ password: proof }));
}

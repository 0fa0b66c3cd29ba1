import { InvalidFields, QuotaExceeded } from '#lib/rpc/errors.ts';
import { Api } from '#lib/telegram/client.ts';
import { TelegramRefused } from '#lib/telegram/errors.ts';
import { accepted, passwordNeeded } from './authorised.ts';
import { begin } from './begin.ts';
import { endedError, settled } from './ending.ts';
import type { LoginName } from './claim.ts';
import { isStep, mayHaveTakenEffect, refusedPhone } from './refusals.ts';
import { NoOtherWay } from './errors.ts';
import { handOver } from './hand-over.ts';
import { withLogin, type HeldLogin } from './held-login.ts';
import type { Logins, StepLimits } from './logins.ts';
import { codeSent } from './start.ts';
import type { LoginRow } from './tables.ts';
import { wrongAnswer } from './wrong-answer.ts';

export function submitCode(
  logins: Logins,
  name: LoginName,
  code: string,
  limits: StepLimits,
): Promise<LoginRow> {
  return withLogin(logins, name, limits, async (held, claimed) => {
    const { state } = await begin(held, claimed);
    switch (state) {
      case 'code_sent':
        return signIn(held, code);
      // The answer to a code that was right the first time did not reach the caller.
      case 'password_needed':
      case 'authorised':
        return held.row;
      case 'starting':
      case 'qr_shown':
        throw notAsked('code', 'no code was sent for this login');
      case 'finishing':
      case 'cancelled':
      case 'failed':
        throw endedError(held.row);
    }
  });
}

async function signIn(held: HeldLogin, phoneCode: string): Promise<LoginRow> {
  const { phone: phoneNumber } = held.row;
  const { phoneCodeHash } = held.secrets!;
  await held.change({ is_unsure: true });
  try {
    await accepted(held, await held.call(new Api.auth.SignIn({ phoneNumber, phoneCodeHash, phoneCode })));
  } catch (error) {
    if (mayHaveTakenEffect(error)) throw error;
    if (error instanceof TelegramRefused && isStep(error, 'needs_password')) return passwordNeeded(held);
    await held.change({ is_unsure: false });
    if (!(error instanceof TelegramRefused)) throw error;
    if (isStep(error, 'wrong_answer')) throw await wrongAnswer(held, 'code');
    throw await settled(held, refusedPhone(error));
  }
  return handOver(held);
}

export function resendCode(logins: Logins, name: LoginName, limits: StepLimits): Promise<LoginRow> {
  return withLogin(logins, name, limits, async (held, claimed) => {
    const { state } = await begin(held, claimed);
    switch (state) {
      case 'code_sent':
        return resend(held);
      case 'starting':
      case 'qr_shown':
      case 'password_needed':
        throw notAsked('login_id', 'the login waits for no code');
      case 'finishing':
      case 'authorised':
      case 'cancelled':
      case 'failed':
        throw endedError(held.row);
    }
  });
}

async function resend(held: HeldLogin): Promise<LoginRow> {
  const { row, logins } = held;
  if (row.next_code_kind === '') throw new NoOtherWay();
  const earlyMs = (row.resend_time?.getTime() ?? 0) - logins.clock.now();
  if (earlyMs > 0)
    throw new QuotaExceeded(
      'resend_code',
      `The code can be sent again in ${Math.ceil(earlyMs / 1_000)} seconds.`,
      earlyMs,
    );
  const { phoneCodeHash } = held.secrets!;
  try {
    return await codeSent(
      held,
      await held.call(new Api.auth.ResendCode({ phoneNumber: row.phone, phoneCodeHash })),
    );
  } catch (error) {
    throw await settled(held, error);
  }
}

export function notAsked(field: string, description: string): InvalidFields {
  return new InvalidFields([{ field, description }]);
}

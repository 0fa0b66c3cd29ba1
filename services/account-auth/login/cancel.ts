import { begin } from './begin.ts';
import type { LoginName } from './claim.ts';
import { endedError, endLogin, forgetAtTelegram } from './ending.ts';
import { withLogin } from './held-login.ts';
import type { Logins, StepLimits } from './logins.ts';
import type { LoginRow } from './tables.ts';

export function cancelLogin(logins: Logins, name: LoginName, limits: StepLimits): Promise<LoginRow> {
  return withLogin(logins, name, limits, async (held, claimed) => {
    // What Telegram has authorised meanwhile is an account's session: it is not thrown away.
    const { state } = await begin(held, claimed);
    if (state === 'authorised') throw endedError(held.row);
    if (held.row.end_time !== null) return held.row;
    await forgetAtTelegram(held);
    return endLogin(held, 'cancelled');
  });
}

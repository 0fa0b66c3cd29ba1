import { withDeeds } from '#lib/rpc/deeds.ts';
import { LoginState } from '#gen/telegate/account_auth/v1/account_pb.ts';
import type { LineFields } from '#lib/telemetry/lines.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { LoginHandlers } from './routes.ts';

interface Answer {
  login?: { loginId?: string; state?: LoginState; accountId?: string; attemptsLeft?: number };
}

/** Each step of a login is told in the log: which login, and how far it is. Never the phone, a code or a password. */
export function tellingLogins(log: Logger, handlers: LoginHandlers): LoginHandlers {
  return withDeeds<LoginHandlers>(
    log,
    'auth',
    {
      startLogin: { event: 'account_login_started', about: (_, answer) => loginOf(answer) },
      resendCode: { event: 'account_code_resent', about: stepOf },
      submitCode: { event: 'account_code_submitted', about: stepOf },
      submitPassword: { event: 'account_password_submitted', about: stepOf },
      startQrLogin: { event: 'account_qr_login' },
      cancelLogin: { event: 'account_login_cancelled', about: stepOf },
    },
    handlers,
  );
}

function stepOf({ loginId }: { loginId: string }, answer: Answer | undefined): LineFields {
  return { login_id: loginId.slice(0, 64), ...loginOf(answer) };
}

function loginOf(answer: Answer | undefined): LineFields {
  const { login } = answer ?? {};
  if (!login) return {};
  return {
    login_id: login.loginId,
    state: stateNames.get(login.state ?? LoginState.UNSPECIFIED),
    account_id: login.accountId || undefined,
  };
}

const stateNames = new Map<LoginState, string>(
  Object.entries(LoginState).map(([name, state]) => [state, name]),
);

import { begin } from './begin.ts';
import { withLogin } from './held-login.ts';
import type { Logins, StepLimits } from './logins.ts';
import type { LoginRow } from './tables.ts';

const LIMIT_MS = 20_000;

/** Ends a login whose time is over, or gives one to the pool that Telegram has authorised. */
export function endOverdue(
  logins: Logins,
  { tenant_id: tenantId, login_id: loginId }: Pick<LoginRow, 'tenant_id' | 'login_id'>,
): Promise<LoginRow> {
  return withLogin(logins, { tenantId, loginId }, ownLimits(logins), begin);
}

/** Of work that no caller waits for. */
export function ownLimits({ clock }: Pick<Logins, 'clock'>): StepLimits {
  const until = clock.monotonic() + LIMIT_MS;
  return { remainingMs: () => Math.max(0, until - clock.monotonic()), signal: new AbortController().signal };
}

import { instruments } from '#lib/telemetry/metrics.ts';
import type { EndedState, LoginKind } from './tables.ts';

const made = instruments((meter) => ({
  ended: meter.createCounter('telegate.account.logins', {
    unit: '{login}',
    description: 'Logins of Telegram accounts that ended, by how they began, how they ended and why.',
  }),
}));

/** `reason` is the name of an ErrorReason, or empty. */
export function measureEnd(kind: LoginKind, state: EndedState, reason: string): void {
  made().ended.add(1, {
    'telegate.login.kind': kind,
    'telegate.login.state': state,
    ...(reason === '' ? {} : { 'telegate.reason': reason }),
  });
}

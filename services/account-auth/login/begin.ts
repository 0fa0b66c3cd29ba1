import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import type { ClaimedLogin } from './claim.ts';
import { findOut } from './authorised.ts';
import { endLogin, forgetAtTelegram, settled } from './ending.ts';
import { handOver } from './hand-over.ts';
import type { HeldLogin } from './held-login.ts';
import type { LoginRow } from './tables.ts';

/**
 * How each step begins: what a step before it left open is settled first, and a login whose time is over ends.
 * What Telegram has authorised goes to the pool, however late.
 */
export async function begin(held: HeldLogin, { is_expired: isExpired }: ClaimedLogin): Promise<LoginRow> {
  if (held.row.end_time !== null) return held.row;
  try {
    if (held.row.is_unsure) await findOut(held);
  } catch (error) {
    // Ended or not, of a login whose time is over nobody waits for an answer.
    if (!isExpired) throw await settled(held, error);
  }
  if (held.row.end_time !== null) return held.row;
  if (held.row.state === 'finishing') return handOver(held);
  if (!isExpired) return held.row;
  await forgetAtTelegram(held);
  return endLogin(held, 'failed', ErrorReason.LOGIN_ENDED);
}

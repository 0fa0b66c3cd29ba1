import { DomainError } from '#lib/rpc/errors.ts';
import { TelegramRefused } from '../errors.ts';
import { CallTimedOut, CallUnreadable, RawRpcError } from '../link.ts';
import { parseRpcError, verdictOf, type TelegramError } from '../rpc-errors.ts';

/** What to do after a call for a difference failed. */
export type Remedy =
  | { readonly kind: 'retry'; readonly afterMs?: number } // after this, or after the back-off
  | { readonly kind: 'later' } // with the next connection
  | { readonly kind: 'void' } // the counters mean nothing to Telegram: begin anew
  | { readonly kind: 'unreadable' } // begin anew behind what can not be read
  | { readonly kind: 'gone' }; // the channel is not for this account any more

const VOID = new Set(['PERSISTENT_TIMESTAMP_EMPTY', 'PERSISTENT_TIMESTAMP_INVALID']);
const GONE = new Set([
  'CHANNEL_PRIVATE',
  'CHANNEL_INVALID',
  'CHANNEL_FORBIDDEN',
  'CHANNEL_PUBLIC_GROUP_NA',
  'USER_BANNED_IN_CHANNEL',
]);

export function remedyOf(error: unknown, scope: 'account' | 'channel'): Remedy {
  if (error instanceof RawRpcError) return ofRefusal(parseRpcError(error), scope);
  if (error instanceof TelegramRefused) return ofRefusal(error.telegramError, scope);
  if (error instanceof CallTimedOut) return { kind: 'retry' };
  if (error instanceof CallUnreadable) return { kind: 'unreadable' };
  // Refusals of our own: a flood wait or an open breaker ends, a lost lease or login does not end here.
  if (error instanceof DomainError)
    return error.retryAfterMs === undefined
      ? { kind: 'later' }
      : { kind: 'retry', afterMs: error.retryAfterMs };
  return { kind: 'later' };
}

function ofRefusal(error: TelegramError, scope: 'account' | 'channel'): Remedy {
  if (VOID.has(error.type)) return { kind: 'void' };
  if (scope === 'channel' && GONE.has(error.type)) return { kind: 'gone' };
  // "Channel internal replication issues": a 500 by another number.
  if (error.type === 'PERSISTENT_TIMESTAMP_OUTDATED') return { kind: 'retry' };
  const verdict = verdictOf(error);
  if (verdict.kind === 'wait') return { kind: 'retry', afterMs: 1_000 * verdict.seconds };
  if (error.code >= 500 || error.code < 0) return { kind: 'retry' };
  if (error.code === 401 || error.code === 406) return { kind: 'later' };
  return scope === 'channel' ? { kind: 'gone' } : { kind: 'retry' };
}

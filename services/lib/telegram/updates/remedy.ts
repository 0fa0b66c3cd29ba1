import { DeadlineExceeded, DomainError } from '#lib/rpc/errors.ts';
import { MigrateTo, TelegramRefused } from '../errors.ts';
import { CallAborted, CallUnreadable, LinkClosed, RawRpcError } from '../link.ts';
import { parseRpcError, verdictOf, type TelegramError } from '../rpc-errors.ts';

/** What to do after a call for a difference failed. */
export type Remedy =
  | { readonly kind: 'retry'; readonly afterMs?: number } // after this, or after the back-off
  | { readonly kind: 'later' } // with the next connection
  | { readonly kind: 'void' } // the counters mean nothing to Telegram: begin anew
  | { readonly kind: 'unreadable' } // begin anew behind what can not be read
  | { readonly kind: 'gone' }; // the channel is not for this account any more

const VOID = new Set(['PERSISTENT_TIMESTAMP_EMPTY', 'PERSISTENT_TIMESTAMP_INVALID']);

export function remedyOf(error: unknown, scope: 'account' | 'channel'): Remedy {
  if (error instanceof RawRpcError) return ofRefusal(parseRpcError(error), scope);
  if (error instanceof TelegramRefused) return ofRefusal(error.telegramError, scope);
  if (error instanceof CallUnreadable) return { kind: 'unreadable' };
  if (error instanceof LinkClosed || error instanceof CallAborted || error instanceof MigrateTo)
    return { kind: 'later' };
  // Refusals of our own: a flood wait or an open breaker ends, a lost lease or login does not end here.
  if (error instanceof DomainError && !(error instanceof DeadlineExceeded))
    return error.retryAfterMs === undefined
      ? { kind: 'later' }
      : { kind: 'retry', afterMs: error.retryAfterMs };
  return { kind: 'retry' };
}

function ofRefusal(error: TelegramError, scope: 'account' | 'channel'): Remedy {
  if (VOID.has(error.type)) return { kind: 'void' };
  // "Channel internal replication issues": a 500 by another number.
  if (error.type === 'PERSISTENT_TIMESTAMP_OUTDATED') return { kind: 'retry' };
  const verdict = verdictOf(error);
  if (verdict.kind === 'wait') return { kind: 'retry', afterMs: 1_000 * verdict.seconds };
  if (verdict.kind === 'trouble') return { kind: 'retry' };
  if (verdict.kind === 'condition' || verdict.kind === 'migrate') return { kind: 'later' };
  // CHANNEL_PRIVATE and its like. One that can not be asked for must not hold up the others.
  return scope === 'channel' ? { kind: 'gone' } : { kind: 'retry' };
}

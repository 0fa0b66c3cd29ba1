import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import { reasonName } from '#lib/rpc/status.ts';

/*
 * An action is planned, running, then done, failed or skipped. It is done once: it keeps its id from try to try, and
 * messaging does what has one id once. What became of a try is known, or it is tried again.
 */

/** What becomes of an action after a try. */
export type Verdict =
  | { readonly kind: 'done' }
  /** `isUnsure`: the try may have taken effect. */
  | {
      readonly kind: 'again';
      readonly reason: string;
      readonly afterMs: number | undefined;
      readonly isUnsure: boolean;
    }
  /** Telegram makes the account wait: all that it has to do goes behind that. */
  | { readonly kind: 'wait'; readonly reason: string; readonly forMs: number }
  | { readonly kind: 'skipped'; readonly reason: string; readonly doubtsTarget: boolean }
  | { readonly kind: 'failed'; readonly reason: string }
  /** The account can not act any more: it leaves the campaign. */
  | { readonly kind: 'account_gone'; readonly reason: string };

/** Tries that ended without a result, before the action is given up. */
export const MOST_FAILURES = 8;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 5 * 60_000;
/** Somebody else has the account, or it has no way out: neither ends within seconds. */
const BUSY_PAUSE_MS = 15_000;
/** A wait that names no time. */
const UNKNOWN_WAIT_MS = 60_000;

/** `random`: 0 ≤ n < 1. */
export function pauseAfter(failures: number, random: number, atLeastMs = 0): number {
  const ceiling = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.max(0, failures - 1));
  return Math.max(atLeastMs, Math.round(ceiling * (0.5 + random / 2)));
}

const DONE: Verdict = { kind: 'done' };

export function verdictOfSuccess(): Verdict {
  return DONE;
}

/** What an error of messaging means for the action that it was thrown at. */
export function verdictOfError(error: unknown): Verdict {
  if (!(error instanceof DomainError)) return again('a fault inside the service', { isUnsure: true });
  const { reason, metadata, message } = error;
  const name = reasonName(reason);
  switch (reason) {
    case ErrorReason.FLOOD_WAIT:
      return { kind: 'wait', reason: name, forMs: error.retryAfterMs ?? UNKNOWN_WAIT_MS };
    case ErrorReason.TELEGRAM_REFUSED:
      return verdictOfRefusal(metadata['telegram_error'], message);
    case ErrorReason.NEEDS_LOGIN:
    case ErrorReason.ACCOUNT_BANNED:
      return gone(metadata['state'] ?? 'needs_login');
    case ErrorReason.SESSION_UNUSABLE:
      return metadata['state'] === 'quarantined'
        ? again(name, { afterMs: error.retryAfterMs ?? BUSY_PAUSE_MS })
        : gone(metadata['state'] ?? 'unusable');
    case ErrorReason.NOT_FOUND:
      return metadata['resource'] === 'peer'
        ? skipped('the account can not find the channel', true)
        : gone('not_there');
    case ErrorReason.QUOTA_EXCEEDED:
      return metadata['quota']?.startsWith('post_') === true
        ? skipped('the post has had as many of these as one gets')
        : again(name, { afterMs: error.retryAfterMs });
    case ErrorReason.SESSION_LEASED:
    case ErrorReason.EGRESS_CLAIMED:
    case ErrorReason.NO_EGRESS:
    case ErrorReason.NO_FREE_SESSION:
      return again(name, { afterMs: Math.max(error.retryAfterMs ?? 0, BUSY_PAUSE_MS) });
    case ErrorReason.BREAKER_OPEN:
    case ErrorReason.GOING_AWAY:
    case ErrorReason.TOO_MANY_STREAMS:
    case ErrorReason.CREDENTIALS_INVALID:
    case ErrorReason.QUEUE_FULL:
      return again(name, { afterMs: error.retryAfterMs });
    case ErrorReason.INVALID_FIELD:
    case ErrorReason.MESSAGE_TOO_LARGE:
    case ErrorReason.REQUEST_ID_REUSED:
    case ErrorReason.SCOPE_MISSING:
    case ErrorReason.CREDENTIALS_MISSING:
      return { kind: 'failed', reason: `${name}: ${clipped(message)}` };
    default:
      // Telegram or messaging gave no answer, or one that nobody here knows.
      return again(name, { afterMs: error.retryAfterMs, isUnsure: true });
  }
}

/** Of Telegram's own refusals, what they mean for one action; the others fail it by their name. */
const REFUSALS: Readonly<Record<string, Verdict>> = {
  MSG_ID_INVALID: skipped('the post is gone'),
  MESSAGE_ID_INVALID: skipped('the post is gone'),
  POST_GONE: skipped('the post is gone'),
  REPLY_MESSAGE_ID_INVALID: skipped('the post is gone'),
  TOPIC_DELETED: skipped('the post is gone'),
  TOPIC_CLOSED: skipped('comments are closed'),
  REACTION_INVALID: skipped('the channel does not allow this reaction'),
  REACTION_EMPTY: skipped('the channel does not allow this reaction'),
  REACTIONS_TOO_MANY: skipped('the channel does not allow another reaction'),
  PREMIUM_ACCOUNT_REQUIRED: skipped('the channel does not allow this reaction to the account'),
  CHAT_WRITE_FORBIDDEN: skipped('the account may not comment here', true),
  CHAT_GUEST_SEND_FORBIDDEN: skipped('only members may comment here'),
  CHAT_SEND_PLAIN_FORBIDDEN: skipped('the account may not comment here'),
  CHAT_RESTRICTED: skipped('the account may not act here', true),
  CHAT_ADMIN_REQUIRED: skipped('the account may not act here', true),
  USER_BANNED_IN_CHANNEL: skipped('the account is banned in the channel', true),
  CHANNEL_PRIVATE: skipped('the channel can not be reached by the account', true),
  CHANNEL_INVALID: skipped('the channel can not be reached by the account', true),
  PEER_FLOOD: gone('limited'),
  RPC_CALL_FAIL: again('TELEGRAM_REFUSED: RPC_CALL_FAIL', { isUnsure: true }),
  RPC_MCGET_FAIL: again('TELEGRAM_REFUSED: RPC_MCGET_FAIL', { isUnsure: true }),
  TIMEOUT: again('TELEGRAM_REFUSED: Timeout', { isUnsure: true }),
};

function verdictOfRefusal(telegramError: string | undefined, message: string): Verdict {
  // Messaging's own words: the post has no discussion.
  if (telegramError === undefined) return skipped('comments are closed');
  const type = telegramError.toUpperCase();
  if (Object.hasOwn(REFUSALS, type)) return REFUSALS[type]!;
  return {
    kind: 'failed',
    reason: telegramError === '' ? clipped(message) : `TELEGRAM_REFUSED: ${telegramError}`,
  };
}

/** In plain words, for the campaign's notes and the actions that are left out. */
export function goneReason(state: string): string {
  const known: Readonly<Record<string, string>> = {
    needs_login: 'the account must log in again',
    banned: 'Telegram banned the account',
    frozen: 'Telegram froze the account',
    limited: 'Telegram limits the account',
    paused: 'the account was paused',
    invalid: "the account's session is invalid",
    not_there: 'the account has no session here any more',
    deleted: 'the account was deleted',
    logged_out: 'the account was logged out',
    foreign_environment: 'the account belongs to another Telegram',
  };
  return Object.hasOwn(known, state) ? known[state]! : `the account can not be used (${clipped(state)})`;
}

/** Nobody knows what became of an earlier try: what is said of the last one says so. */
export function withDoubt(reason: string, mayHaveBeenDone: boolean): string {
  return mayHaveBeenDone ? `${reason}; whether an earlier try took effect is not known` : reason;
}

function again(reason: string, more: { afterMs?: number | undefined; isUnsure?: boolean } = {}): Verdict {
  return { kind: 'again', reason, afterMs: more.afterMs, isUnsure: more.isUnsure ?? false };
}

function skipped(reason: string, doubtsTarget = false): Verdict {
  return { kind: 'skipped', reason, doubtsTarget };
}

function gone(state: string): Verdict {
  return { kind: 'account_gone', reason: goneReason(state) };
}

function clipped(text: string): string {
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
}

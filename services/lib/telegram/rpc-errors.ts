import type { Blame, LinkEnd } from './link.ts';

/** `FLOOD_WAIT_42` is type `FLOOD_WAIT` and argument 42; `FILE_PART_3_MISSING` is `FILE_PART_MISSING` and 3. */
export interface TelegramError {
  readonly code: number;
  /** Safe to show: of bounded length, with no digits that may be a number of somebody's. */
  readonly type: string;
  readonly argument?: number;
}

/** Which of Telegram's three ways to say "wait". */
export type WaitKind = 'flood' | 'premium' | 'slow_mode';

export type SessionCondition = 'needs_login' | 'dead_key' | 'banned' | 'frozen' | 'limited';

/** What an error means for a login in progress. */
export type LoginStep =
  | 'needs_password'
  | 'wrong_answer' // stays where it is; attempts are capped
  | 'starts_over'
  | 'input_refused'
  | 'cool_down' // for the phone
  | 'fetch_again' // the SRP parameters, once
  | 'logins_stop'; // the application itself is refused: alarm

export type MigrationKind = 'phone' | 'network' | 'user' | 'file';

/** What an error means, whatever it is called. */
type Meaning =
  | { readonly kind: 'wait'; readonly wait: WaitKind }
  | { readonly kind: 'condition'; readonly condition: SessionCondition }
  | { readonly kind: 'login'; readonly step: LoginStep }
  | { readonly kind: 'migrate'; readonly what: MigrationKind }
  /** The data centre is in trouble: a read is tried again, a send only with the same random_id. */
  | { readonly kind: 'trouble' }
  /** This random_id was used: the first send took effect. */
  | { readonly kind: 'sent_before' }
  /** The target's matter, or the caller's. */
  | { readonly kind: 'refused' };

export type Verdict =
  | { readonly kind: 'wait'; readonly wait: WaitKind; readonly seconds: number }
  | { readonly kind: 'migrate'; readonly what: MigrationKind; readonly dataCenter: number }
  | Exclude<Meaning, { kind: 'wait' | 'migrate' }>;

/** By type, never by number: Telegram gives 400, 401, 406 and 420 to errors of every kind. */
export const MEANINGS: Readonly<Record<string, Meaning>> = {
  FLOOD_WAIT: { kind: 'wait', wait: 'flood' },
  FLOOD_PREMIUM_WAIT: { kind: 'wait', wait: 'premium' },
  SLOWMODE_WAIT: { kind: 'wait', wait: 'slow_mode' },
  FLOOD_TEST_PHONE_WAIT: { kind: 'wait', wait: 'flood' },
  '2FA_CONFIRM_WAIT': { kind: 'wait', wait: 'flood' },
  TAKEOUT_INIT_DELAY: { kind: 'wait', wait: 'flood' },

  PEER_FLOOD: { kind: 'condition', condition: 'limited' },
  FROZEN_METHOD_INVALID: { kind: 'condition', condition: 'frozen' },
  FROZEN_PARTICIPANT_MISSING: { kind: 'condition', condition: 'frozen' },
  AUTH_KEY_DUPLICATED: { kind: 'condition', condition: 'dead_key' },
  AUTH_KEY_UNREGISTERED: { kind: 'condition', condition: 'needs_login' },
  AUTH_KEY_INVALID: { kind: 'condition', condition: 'needs_login' },
  SESSION_REVOKED: { kind: 'condition', condition: 'needs_login' },
  SESSION_EXPIRED: { kind: 'condition', condition: 'needs_login' },
  USER_DEACTIVATED: { kind: 'condition', condition: 'banned' },
  USER_DEACTIVATED_BAN: { kind: 'condition', condition: 'banned' },
  PHONE_NUMBER_BANNED: { kind: 'condition', condition: 'banned' },

  SESSION_PASSWORD_NEEDED: { kind: 'login', step: 'needs_password' },
  PHONE_CODE_INVALID: { kind: 'login', step: 'wrong_answer' },
  PASSWORD_HASH_INVALID: { kind: 'login', step: 'wrong_answer' },
  PHONE_CODE_EXPIRED: { kind: 'login', step: 'starts_over' },
  AUTH_RESTART: { kind: 'login', step: 'starts_over' },
  PHONE_NUMBER_INVALID: { kind: 'login', step: 'input_refused' },
  PHONE_NUMBER_FLOOD: { kind: 'login', step: 'cool_down' },
  PHONE_PASSWORD_FLOOD: { kind: 'login', step: 'cool_down' },
  SEND_CODE_UNAVAILABLE: { kind: 'login', step: 'cool_down' },
  SRP_ID_INVALID: { kind: 'login', step: 'fetch_again' },
  API_ID_INVALID: { kind: 'login', step: 'logins_stop' },
  API_ID_PUBLISHED_FLOOD: { kind: 'login', step: 'logins_stop' },
  UPDATE_APP_TO_LOGIN: { kind: 'login', step: 'logins_stop' },

  PHONE_MIGRATE: { kind: 'migrate', what: 'phone' },
  NETWORK_MIGRATE: { kind: 'migrate', what: 'network' },
  USER_MIGRATE: { kind: 'migrate', what: 'user' },
  FILE_MIGRATE: { kind: 'migrate', what: 'file' },

  RPC_CALL_FAIL: { kind: 'trouble' },
  RPC_MCGET_FAIL: { kind: 'trouble' },
  // A 500 by number, and the opposite of trouble.
  RANDOM_ID_DUPLICATE: { kind: 'sent_before' },
};

/** The code of "Timeout", with either sign. */
const TIMEOUT_CODE = 503;
/** A wait that names no time, or none that can be right. */
const UNKNOWN_WAIT_SECONDS = 60;
/** The longest the pool keeps. */
export const MAX_WAIT_SECONDS = 30 * 24 * 3_600;

const MAX_TYPE_LENGTH = 64;
const NUMBER = /^-?\d{1,9}$/;

export function parseRpcError({ code, text }: { code: number; text: string }): TelegramError {
  const segments = text.slice(0, 256).split('_');
  const at = segments.findIndex((segment) => NUMBER.test(segment));
  const argument = at === -1 ? undefined : Number(segments[at]);
  const words = at === -1 ? segments : segments.toSpliced(at, 1);
  const type = words
    .join('_')
    .replace(/[^A-Za-z0-9_]/g, '_')
    .replace(/\d{3,}/g, 'N')
    .slice(0, MAX_TYPE_LENGTH);
  return { code, type: type === '' ? 'UNKNOWN' : type, ...(argument === undefined ? {} : { argument }) };
}

export function verdictOf(error: TelegramError): Verdict {
  const meaning = Object.hasOwn(MEANINGS, error.type) ? MEANINGS[error.type]! : meaningOfUnlisted(error.code);
  switch (meaning.kind) {
    case 'wait':
      return { kind: 'wait', wait: meaning.wait, seconds: waitSeconds(error.argument) };
    case 'migrate':
      // One that names no data centre can not be followed.
      return error.argument !== undefined && error.argument > 0
        ? { kind: 'migrate', what: meaning.what, dataCenter: error.argument }
        : { kind: 'refused' };
    default:
      return meaning;
  }
}

function meaningOfUnlisted(code: number): Meaning {
  const size = Math.abs(code);
  return size === TIMEOUT_CODE || (size >= 500 && size < 600) ? { kind: 'trouble' } : { kind: 'refused' };
}

function waitSeconds(argument: number | undefined): number {
  if (argument === undefined || argument < 0) return UNKNOWN_WAIT_SECONDS;
  return Math.min(Math.max(argument, 1), MAX_WAIT_SECONDS);
}

/** Who failed, as far as a breaker can know: `either` when the path and the data centre can not be told apart. */
export type Culprit = Blame | 'either';

export type EndVerdict =
  | { readonly kind: 'ours' }
  | { readonly kind: 'trouble'; readonly culprit: Culprit }
  /** Telegram does not know the key: connect once more, and believe it the second time. */
  | { readonly kind: 'confirm_key' }
  | { readonly kind: 'condition'; readonly condition: 'needs_login' }
  /** Telegram turned the connection away (-429: too many): nobody's failure, wait longer before the next. */
  | { readonly kind: 'back_off'; readonly transportCode: number };

/** `confirmed`: the connection before this one ended in the same way. */
export function verdictOfEnd(end: LinkEnd, confirmed: boolean): EndVerdict {
  switch (end.reason) {
    case 'closed':
      return { kind: 'ours' };
    case 'key-unknown':
      return confirmed ? { kind: 'condition', condition: 'needs_login' } : { kind: 'confirm_key' };
    case 'refused':
      return { kind: 'back_off', transportCode: end.transportCode };
    case 'lost': // once it stands, a connection that is cut does not say where
    case 'protocol':
      return { kind: 'trouble', culprit: 'either' };
  }
}

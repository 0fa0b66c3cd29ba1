import { status } from '@grpc/grpc-js';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import { egressKey, type Egress } from './egress.ts';
import type { MigrationKind, TelegramError, Verdict, WaitKind } from './rpc-errors.ts';

export interface FloodWaitDetails {
  readonly sessionId: bigint;
  readonly kind: WaitKind;
  /** None: every method. */
  readonly method?: string;
  /** None: every peer. */
  readonly peer?: string;
  /** Whole seconds, rounded up. */
  readonly seconds: number;
}

/** Telegram asked the account to wait, now or before. */
export class FloodWait extends DomainError {
  override readonly code = status.RESOURCE_EXHAUSTED;
  override readonly reason = ErrorReason.FLOOD_WAIT;
  readonly wait: FloodWaitDetails;

  constructor(wait: FloodWaitDetails) {
    const { sessionId, method, peer, seconds } = wait;
    const what = method ?? 'any method';
    const where = peer === undefined ? '' : ' in this chat';
    super(`Telegram asked the account to wait ${seconds} seconds before ${what}${where}.`, {
      session_id: String(sessionId),
      scope: method === undefined ? 'all' : 'method',
      method: method ?? '',
      seconds: String(seconds),
    });
    this.wait = wait;
    this.retryAfterMs = seconds * 1_000;
  }
}

export class BreakerOpen extends DomainError {
  override readonly code = status.UNAVAILABLE;
  override readonly reason = ErrorReason.BREAKER_OPEN;

  constructor(breaker: string, retryAfterMs: number) {
    super(`${breaker} fails for many and is not used until a probe succeeds.`, { breaker });
    this.retryAfterMs = retryAfterMs;
  }
}

export type Unreached = { readonly egress: Egress } | { readonly dataCenter: number };

/** Whether the call took effect may be unknown: `sent` says whether it left. */
export class TelegramUnreachable extends DomainError {
  override readonly code = status.UNAVAILABLE;
  override readonly reason = ErrorReason.TELEGRAM_UNREACHABLE;
  readonly sent: boolean;

  constructor(unreached: Unreached, options: { sent: boolean; retryAfterMs?: number; cause?: unknown }) {
    const effect = options.sent ? 'Whether the call took effect is not known.' : 'The call was not sent.';
    super(`${unreachedName(unreached)} can not be reached. ${effect}`, unreachedMetadata(unreached), {
      cause: options.cause,
    });
    this.sent = options.sent;
    this.retryAfterMs = options.retryAfterMs ?? 1_000;
  }
}

function unreachedName(unreached: Unreached): string {
  if ('dataCenter' in unreached) return `Telegram's data centre ${unreached.dataCenter}`;
  return unreached.egress.kind === 'direct' ? 'Telegram' : `Telegram over ${egressKey(unreached.egress)}`;
}

function unreachedMetadata(unreached: Unreached): Record<string, string> {
  if ('dataCenter' in unreached) return { data_center: String(unreached.dataCenter) };
  return unreached.egress.kind === 'direct' ? {} : { proxy_id: unreached.egress.proxyId };
}

/** Telegram said no. A login reads in `verdict` what to do next. */
export class TelegramRefused extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.TELEGRAM_REFUSED;
  readonly telegramError: TelegramError;
  readonly verdict: Verdict;

  constructor(telegramError: TelegramError, verdict: Verdict) {
    super(`Telegram refused the call: ${telegramError.type}.`, { telegram_error: telegramError.type });
    this.telegramError = telegramError;
    this.verdict = verdict;
  }
}

/** Empty while account-auth does not know the account of a session. */
export type AccountId = string;

export class NeedsLogin extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.NEEDS_LOGIN;

  constructor(accountId: AccountId, telegramError?: string) {
    super(`Telegram no longer accepts the session${because(telegramError)}. The account must log in again.`, {
      account_id: accountId,
    });
    this.preconditions = [
      { type: 'LOGIN', subject: `accounts/${accountId}`, description: 'the account must log in again' },
    ];
  }
}

export class AccountBanned extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.ACCOUNT_BANNED;

  constructor(accountId: AccountId, state: 'banned' | 'frozen', telegramError?: string) {
    super(`Telegram has ${state} the account${because(telegramError)}.`, { account_id: accountId, state });
    this.preconditions = [
      { type: 'ACCOUNT_STATE', subject: `accounts/${accountId}`, description: `${state} by Telegram` },
    ];
  }
}

function because(telegramError: string | undefined): string {
  return telegramError === undefined ? '' : ` (${telegramError})`;
}

export class LeaseLost extends DomainError {
  override readonly code = status.ABORTED;
  override readonly reason = ErrorReason.LEASE_LOST;

  constructor(sessionId: bigint, leaseId?: string) {
    super(
      'The lease has ended, or the fencing token is not its own. Stop using the session and acquire a new lease.',
      { ...(leaseId === undefined ? {} : { lease_id: leaseId }), session_id: String(sessionId) },
    );
  }
}

/** The account has no proxy, or its proxy is down, and may not connect directly. */
export class NoEgress extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.NO_EGRESS;

  constructor(sessionId: bigint) {
    super(
      'The account has no working proxy, and direct connections are not allowed. Assign a proxy that works, ' +
        'or allow direct connections for the account.',
      { session_id: String(sessionId) },
    );
    this.preconditions = [
      { type: 'EGRESS', subject: `sessions/${sessionId}`, description: 'no way out to Telegram' },
    ];
  }
}

/** For the session layer, which follows it; no caller ever sees it. */
export class MigrateTo extends Error {
  override readonly name = 'MigrateTo';
  readonly dataCenter: number;
  readonly kind: MigrationKind;

  constructor(dataCenter: number, kind: MigrationKind) {
    super(`Telegram sends the ${kind} to data centre ${dataCenter}.`);
    this.dataCenter = dataCenter;
    this.kind = kind;
  }
}

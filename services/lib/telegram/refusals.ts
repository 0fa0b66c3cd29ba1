import type { Span } from '@opentelemetry/api';
import type { DomainError } from '#lib/rpc/errors.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { Route } from './breakers.ts';
import { measureCondition, measureWait } from './call-measures.ts';
import type { Api } from './client.ts';
import {
  AccountBanned,
  FloodWait,
  MigrateTo,
  NeedsLogin,
  TelegramRefused,
  TelegramUnreachable,
} from './errors.ts';
import type { FloodGate } from './flood-gate.ts';
import type { LeaseGuard } from './guard.ts';
import type { RawRpcError } from './link.ts';
import { mayRepeat, type Method } from './method.ts';
import { parseRpcError, verdictOf, type SessionCondition } from './rpc-errors.ts';
import type { SessionReports } from './session-reports.ts';

export interface RefusalParts {
  readonly guard: LeaseGuard;
  readonly gate: FloodGate;
  readonly reports: SessionReports;
  /** Empty while it is not known. */
  readonly accountId: string;
  readonly log: Logger;
}

export interface RefusedCall {
  readonly method: Method;
  readonly request: Api.AnyRequest;
  readonly limits: { readonly peer?: string };
  readonly span: Span | undefined;
}

/** The same request may be sent again; `instead` is thrown when there is no time or attempt left. */
export class Again extends Error {
  readonly instead: DomainError;

  constructor(instead: DomainError) {
    super();
    this.instead = instead;
  }
}

/** What Telegram's errors come to, for one session. */
export class Refusals {
  readonly #parts: RefusalParts;
  readonly #reported = new Set<SessionCondition>();

  constructor(parts: RefusalParts) {
    this.#parts = parts;
  }

  /** What to throw for an rpc_error; the rest of the mesh hears of it on the way. */
  errorFor({ method, request, limits, span }: RefusedCall, route: Route, raw: RawRpcError): Error {
    const { accountId, gate, guard, log, reports } = this.#parts;
    const error = parseRpcError(raw);
    const verdict = verdictOf(error);
    // Whatever else it says, it is an answer: path and data centre work.
    if (verdict.kind === 'trouble') route.troubled();
    else route.succeeded();
    span?.setAttribute('telegram.error', error.type);
    switch (verdict.kind) {
      case 'wait': {
        const { wait: kind, seconds } = verdict;
        span?.setAttribute('telegram.flood_wait.seconds', seconds);
        measureWait(method, kind, seconds);
        const peer = kind === 'slow_mode' ? limits.peer : undefined;
        const wait = { kind, method: method.name, ...(peer === undefined ? {} : { peer }), seconds };
        // Slow mode in a chat that was not named holds up nothing but this call.
        const isScoped = kind !== 'slow_mode' || peer !== undefined;
        if (isScoped && gate.learn(wait)) reports.floodWait(wait);
        return new FloodWait({ sessionId: guard.sessionId, ...wait });
      }
      case 'condition': {
        const { condition } = verdict;
        this.#report(condition, error.type);
        if (condition === 'limited') return new TelegramRefused(error, verdict);
        return condition === 'needs_login' || condition === 'dead_key'
          ? new NeedsLogin(accountId, error.type)
          : new AccountBanned(accountId, condition, error.type);
      }
      case 'login':
        if (verdict.step === 'logins_stop') {
          measureCondition('logins_stop');
          log.error(
            { event: 'logins_stopped', telegramError: error.type },
            'Telegram refuses this application',
          );
        }
        return new TelegramRefused(error, verdict);
      case 'migrate':
        return new MigrateTo(verdict.dataCenter, verdict.what);
      case 'trouble': {
        const { dataCenter } = route;
        const trouble = new TelegramUnreachable({ dataCenter }, { sent: true, cause: raw });
        return mayRepeat(method, request) ? new Again(trouble) : trouble;
      }
      case 'sent_before':
      case 'refused':
        return new TelegramRefused(error, verdict);
    }
  }

  #report(condition: SessionCondition, telegramError: string): void {
    const { guard, log, reports } = this.#parts;
    // Many calls may be under way when a key dies.
    if (this.#reported.has(condition)) return;
    if (condition !== 'limited') this.#reported.add(condition);
    measureCondition(condition);
    const line = { kind: `session_${condition}`, sessionId: String(guard.sessionId), telegramError };
    if (condition === 'dead_key')
      log.error(line, 'Telegram saw the key in two places and killed the session');
    else log.warn(line, 'Telegram refuses the session');
    reports.condition(condition, telegramError);
  }
}

import { SpanStatusCode, trace, type Span } from '@opentelemetry/api';
import { Cancelled, DeadlineExceeded, QuotaExceeded } from '#lib/rpc/errors.ts';
import type { Outcome } from './call-measures.ts';
import {
  AccountBanned,
  BreakerOpen,
  FloodWait,
  LeaseLost,
  MigrateTo,
  NeedsLogin,
  TelegramRefused,
  TelegramUnreachable,
} from './errors.ts';
import type { Method } from './method.ts';

export function outcomeOf(error: unknown, span: Span | undefined): Outcome {
  if (error instanceof FloodWait) return span ? 'flood_wait' : 'gated';
  if (error instanceof LeaseLost) return 'lease_lost';
  if (error instanceof BreakerOpen) return 'breaker_open';
  if (error instanceof TelegramRefused) {
    const { verdict } = error;
    if (verdict.kind === 'condition') return 'limited';
    return verdict.kind === 'login' ? 'login' : 'refused';
  }
  if (error instanceof NeedsLogin) return 'needs_login';
  if (error instanceof AccountBanned) return error.metadata['state'] === 'frozen' ? 'frozen' : 'banned';
  if (error instanceof MigrateTo) return 'migrate';
  if (error instanceof TelegramUnreachable) return 'unreachable';
  if (error instanceof DeadlineExceeded) return 'timeout';
  if (error instanceof Cancelled) return 'cancelled';
  if (error instanceof QuotaExceeded) return 'busy';
  return 'fault';
}

/** The type alone: the text of an error is for the caller. */
export function failCallSpan(span: Span, error: unknown, outcome: Outcome): void {
  span.setAttribute('telegate.outcome', outcome);
  span.setAttribute('error.type', error instanceof Error ? error.constructor.name : 'unknown');
  if (outcome !== 'migrate') span.setStatus({ code: SpanStatusCode.ERROR, message: outcome });
}

/** What never left has no span of its own; the caller's tells of it. */
export function noteRefusal(method: Method, outcome: Outcome): void {
  const span = trace.getActiveSpan();
  if (span?.isRecording())
    span.addEvent('telegram.call_refused', { 'telegram.method': method.name, 'telegate.outcome': outcome });
}

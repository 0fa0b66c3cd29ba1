import { status } from '@grpc/grpc-js';
import { isSpanContextValid, type SpanContext } from '@opentelemetry/api';
import type { Principal } from '#lib/auth/principal.ts';
import { isOfShare } from '#lib/telemetry/call-share.ts';
import { linesOf, type LineFields } from '#lib/telemetry/lines.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { DomainError } from './errors.ts';
import { reasonName } from './status.ts';
import { codeName, isServerFailure, type CallSpan } from './tracing.ts';

interface LoggedCall {
  readonly method: string;
  readonly principal: Principal;
  readonly peer: string;
}

/** A line a call, and of a stream one at its start too. */
export interface CallLog {
  opened(call: LoggedCall, trace: CallSpan): void;
  ended(
    call: LoggedCall,
    trace: CallSpan,
    end: { event: 'call' | 'stream_ended'; seconds: number; code: status; reason?: DomainError },
  ): void;
}

export function createCallLog(log: Logger): CallLog {
  const lines = linesOf(log);
  const { calls } = lines;
  return {
    opened(call, trace) {
      if (!isOfShare(calls, trace.traceId)) return;
      const fields = { ...aboutCaller(call.principal), method: call.method, peer: call.peer };
      lines.write('info', 'request', 'stream_opened', 'a stream was opened', fields, callIds(trace));
    },
    ended(call, trace, { event, seconds, code, reason }) {
      const failed = code !== status.OK;
      if (failed ? !calls.failed : !isOfShare(calls, trace.traceId)) return;
      const { principal } = call;
      const fields: LineFields = {
        method: call.method,
        rpc_code: codeName(code),
        duration_ms: Math.round(seconds * 1e6) / 1e3,
        subject: principal.subject,
        tenant_id: principal.tenantId || undefined,
      };
      if (principal.homeTenantId !== principal.tenantId) fields['home_tenant_id'] = principal.homeTenantId;
      if (principal.via !== undefined) fields['via'] = principal.via;
      if (reason) {
        fields['reason'] = reasonName(reason.reason);
        fields['peer'] = call.peer;
      }
      const level = isServerFailure(code) ? 'warn' : 'info';
      lines.write(level, 'request', event, 'a call was answered', fields, callIds(trace));
      if (code === status.UNAUTHENTICATED || code === status.PERMISSION_DENIED)
        lines.write('warn', 'auth', 'access_refused', 'a caller was refused', fields, callIds(trace));
    },
  };
}

function aboutCaller({ subject, tenantId, via }: Principal): LineFields {
  return { subject, tenant_id: tenantId || undefined, via };
}

/** Before telemetry has started a call has no span, but an id that its caller got. */
export function callIds({ span, traceId }: CallSpan): SpanContext {
  const spanContext = span.spanContext();
  return isSpanContextValid(spanContext) ? spanContext : { ...spanContext, traceId };
}

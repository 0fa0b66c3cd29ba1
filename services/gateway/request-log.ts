import { status } from '@grpc/grpc-js';
import { callIds, createCallLog, type CallLog } from '#lib/rpc/call-log.ts';
import type { DomainError } from '#lib/rpc/errors.ts';
import { reasonName } from '#lib/rpc/status.ts';
import { isServerFailure } from '#lib/rpc/tracing.ts';
import { isOfShare } from '#lib/telemetry/call-share.ts';
import { linesOf, type LineFields } from '#lib/telemetry/lines.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { EdgeCall, Target } from './edge-call.ts';

interface End {
  readonly seconds: number;
  readonly code: status;
  /** Of plain HTTP; 499 when the caller left before it was answered. */
  readonly httpStatus: number;
  readonly reason: DomainError | undefined;
}

const logs = new WeakMap<Logger, CallLog>();

/** A request is a line as calls inside the mesh are: those over HTTP by their route, never their path or parameters. */
export function tellRequest(log: Logger, target: Target, call: EdgeCall, end: End): void {
  if (target.kind === 'http') return tellHttp(log, target, call, end);
  let calls = logs.get(log);
  if (!calls) logs.set(log, (calls = createCallLog(log)));
  const { seconds, code, reason } = end;
  calls.ended(aboutCall(target.telemetry.spanName, call), call.trace, {
    event: call.isStream ? 'stream_ended' : 'call',
    seconds,
    code,
    ...(code === status.OK || !reason ? {} : { reason }),
  });
}

/** A stream that stays open for hours is a line at its start too. */
export function tellOpened(log: Logger, target: Target, call: EdgeCall): void {
  if (target.kind === 'http') return;
  let calls = logs.get(log);
  if (!calls) logs.set(log, (calls = createCallLog(log)));
  calls.opened(aboutCall(target.telemetry.spanName, call), call.trace);
}

function aboutCall(method: string, call: EdgeCall) {
  return {
    method,
    principal: call.principal,
    get peer() {
      return peerOf(call);
    },
  };
}

function tellHttp(
  log: Logger,
  { method, route }: Target & { kind: 'http' },
  call: EdgeCall,
  { seconds, code, httpStatus, reason }: End,
): void {
  const lines = linesOf(log);
  const failed = httpStatus >= 400;
  if (failed ? !lines.calls.failed : !isOfShare(lines.calls, call.trace.traceId)) return;
  const { principal } = call;
  const fields: LineFields = {
    method,
    route,
    http_status: httpStatus,
    duration_ms: Math.round(seconds * 1e6) / 1e3,
    subject: principal.subject,
    tenant_id: principal.tenantId || undefined,
  };
  if (failed) {
    fields['peer'] = peerOf(call);
    if (reason) fields['reason'] = reasonName(reason.reason);
  }
  const level = failed && isServerFailure(code) ? 'warn' : 'info';
  lines.write(level, 'request', 'http_request', 'a request was answered', fields, callIds(call.trace));
}

function peerOf({ request: { socket } }: EdgeCall): string {
  return `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`;
}

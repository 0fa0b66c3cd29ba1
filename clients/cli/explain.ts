import type { ServiceError } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { durationFromMs, DurationSchema } from '@bufbuild/protobuf/wkt';
import { toJson, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { RpcError, reasonName } from '#lib/rpc/status.ts';
import { exitCode, type ExitCode } from './exit-code.ts';
import { Interrupted } from './interrupted.ts';
import { Misuse } from './misuse.ts';
import { NoMesh, type Place } from './place.ts';
import { Retryable } from './retryable.ts';
import { Unreachable } from './service.ts';
import { plain } from './terminal/table.ts';
import { span } from './terminal/times.ts';

export interface Explanation {
  exitCode: ExitCode;
  /** Sentences: what is wrong, then what to do. */
  text: string;
  json: JsonValue;
}

/** Any failure as what a person reads and what a script gets. `place` is known once the mesh was looked for. */
export function explain(error: unknown, place: Place | undefined): Explanation {
  if (error instanceof Misuse) {
    const help = error.command === undefined ? 'telegate --help' : `telegate ${error.command} --help`;
    return own(exitCode.misuse, 'MISUSE', `${error.message} See: ${help}`);
  }
  if (error instanceof NoMesh) {
    const remedy =
      'Start one in another terminal with npm start, or name one with --endpoint or TELEGATE_ENDPOINT.';
    return own(exitCode.unreachable, 'UNREACHABLE', `${error.message} ${remedy}`);
  }
  if (error instanceof Unreachable) return own(exitCode.unreachable, 'UNREACHABLE', unreachableText(error));
  if (error instanceof Interrupted) return own(exitCode.interrupted, 'INTERRUPTED', error.message);
  if (error instanceof Retryable) return retryable(error, place);
  if (error instanceof RpcError) return refusal(error, place);
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return own(exitCode.refused, 'INTERNAL', `A fault of this program: ${text}`);
}

/** The same id with the same words does nothing twice, so that it is safe to find out what became of the first call. */
function retryable({ cause, requestId }: Retryable, place: Place | undefined): Explanation {
  const why = explain(cause, place);
  return {
    ...why,
    text: `${why.text}\nRepeat it with --request-id ${requestId}: whatever became of it, nothing is done twice.`,
    json: { ...(why.json as JsonObject), requestId },
  };
}

function own(code: ExitCode, reason: string, message: string): Explanation {
  return { exitCode: code, text: plain(message), json: { error: { reason, message } } };
}

function unreachableText({ message, place, cause }: Unreachable): string {
  const stopping = cause instanceof RpcError && cause.reason === ErrorReason.GOING_AWAY;
  if (stopping) return `${message.replace(/^No answer/, 'The mesh is stopping')} Try again when it is back.`;
  const isLocal = place.source.endsWith('.json');
  return isLocal
    ? `${message} The mesh of ${place.source} seems to have stopped; start it with npm start.`
    : `${message} Is a mesh running there (npm start starts one), and is ${place.source} right? ` +
        'For TLS write https://host:port.';
}

function refusal(error: RpcError, place: Place | undefined): Explanation {
  const violations = error.fieldViolations ?? [];
  const remedy = advice(error, place);
  const message =
    violations.length === 0
      ? error.message
      : ['The mesh refuses:', ...violations.map((one) => `  ${one.field}: ${one.description}`)].join('\n');
  const text = message.split('\n').map(plain).join('\n');
  return {
    exitCode: exitCodes.get(error.reason) ?? exitCode.refused,
    text: remedy === undefined ? text : `${text}${violations.length === 0 ? ' ' : '\n'}${remedy}`,
    json: { error: refusalJson(error) },
  };
}

const exitCodes: ReadonlyMap<ErrorReason, ExitCode> = new Map<ErrorReason, ExitCode>([
  [ErrorReason.NO_FREE_SESSION, exitCode.noFreeSession],
  [ErrorReason.QUEUE_FULL, exitCode.noFreeSession],
  [ErrorReason.FLOOD_WAIT, exitCode.later],
  [ErrorReason.BREAKER_OPEN, exitCode.later],
  [ErrorReason.TELEGRAM_UNREACHABLE, exitCode.later],
  [ErrorReason.QUOTA_EXCEEDED, exitCode.later],
  [ErrorReason.TOO_MANY_STREAMS, exitCode.later],
  [ErrorReason.GOING_AWAY, exitCode.later],
  [ErrorReason.DEPENDENCY_UNAVAILABLE, exitCode.later],
  [ErrorReason.DEADLINE_EXCEEDED, exitCode.later],
]);

/** What to do, where the mesh's own words do not say it in the words of this program. */
function advice(error: RpcError, place: Place | undefined): string | undefined {
  switch (error.reason) {
    case ErrorReason.CREDENTIALS_INVALID:
    case ErrorReason.CREDENTIALS_MISSING:
      return place && `The key came from ${place.keySource}, for ${place.source}.`;
    case ErrorReason.SCOPE_MISSING:
      return place && `The key came from ${place.keySource}; use one that may, as the operator's.`;
    case ErrorReason.NO_FREE_SESSION:
      return error.metadata['total'] === '0'
        ? 'See: telegate sessions list, telegate sessions import.'
        : '--wait 1m queues for one.';
    case ErrorReason.NOT_FOUND:
      return seeList.get(error.metadata['resource'] ?? '');
    case ErrorReason.SESSION_LEASED:
      return 'See: telegate leases, telegate lease revoke.';
    case ErrorReason.SESSION_UNUSABLE:
      return error.metadata['state'] === 'needs_login'
        ? undefined
        : `telegate sessions restore ${error.metadata['session_id'] ?? 'ID'} puts it back.`;
    case ErrorReason.NEEDS_LOGIN:
      return 'telegate login +PHONE logs it in again.';
    case ErrorReason.NO_EGRESS:
      return 'See: telegate proxies list, telegate proxies add, telegate accounts update --allow-direct yes.';
    case ErrorReason.LOGIN_ENDED:
      return 'telegate login begins a new one.';
    case ErrorReason.TARGET_NOT_VERIFIED:
      return 'See: telegate campaign targets list, telegate campaign targets verify.';
    case ErrorReason.ETAG_MISMATCH:
      return 'Somebody changed it meanwhile; try again.';
    case ErrorReason.INTERNAL: {
      if (error.code === status.UNIMPLEMENTED)
        return `What ${place?.source ?? 'the endpoint'} names does not serve this: the gateway (port 8080) serves everything.`;
      const trace = traceOf(error);
      return trace && `The trace is ${trace}.`;
    }
    default:
      return error.retryAfterMs === undefined || error.retryAfterMs === 0
        ? undefined
        : `It may work in ${span(error.retryAfterMs)}.`;
  }
}

const seeList: ReadonlyMap<string, string> = new Map([
  ['session', 'See: telegate sessions list.'],
  ['lease', 'See: telegate leases.'],
  ['account', 'See: telegate accounts list.'],
  ['proxy', 'See: telegate proxies list.'],
  ['target', 'See: telegate campaign targets list.'],
  ['campaign', 'See: telegate campaign list.'],
  ['key', 'See: telegate keys list.'],
  ['api_key', 'See: telegate keys list.'],
]);

function refusalJson(error: RpcError): JsonObject {
  const { retryAfterMs, fieldViolations, preconditions, quotas } = error;
  const trace = traceOf(error);
  return {
    reason: reasonName(error.reason),
    code: status[error.code] ?? String(error.code),
    message: error.message,
    metadata: error.metadata,
    ...(retryAfterMs === undefined
      ? {}
      : { retryDelay: toJson(DurationSchema, durationFromMs(Math.ceil(retryAfterMs))) }),
    ...(fieldViolations?.length
      ? { fieldViolations: fieldViolations.map(({ field, description }) => ({ field, description })) }
      : {}),
    ...(preconditions?.length
      ? {
          preconditions: preconditions.map(({ type, subject, description }) => ({
            type,
            subject,
            description,
          })),
        }
      : {}),
    ...(quotas?.length
      ? { quotas: quotas.map(({ subject, description }) => ({ subject, description })) }
      : {}),
    ...(trace === undefined ? {} : { traceId: trace }),
  };
}

function traceOf(error: RpcError): string | undefined {
  const [trace] = (error.cause as Partial<ServiceError> | undefined)?.metadata?.get('trace-id') ?? [];
  return trace === undefined ? undefined : String(trace);
}

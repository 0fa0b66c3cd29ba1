import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { create, fromBinary, toBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { anyPack, anyUnpackTo, durationFromMs, durationMs, type Any } from '@bufbuild/protobuf/wkt';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from '#gen/google/rpc/error_details_pb.ts';
import { StatusSchema, type Status } from '#gen/google/rpc/status_pb.ts';
import { ErrorReason, ErrorReasonSchema } from '#gen/telegate/errors/v1/errors_pb.ts';
import { DomainError } from './errors.ts';

const DOMAIN = 'telegate';
const DETAILS_KEY = 'grpc-status-details-bin';

/** An error's metadata travels as HTTP/2 trailers, of which some clients take no more than 8 KiB in all. */
const MAX_MESSAGE = 1_024;
const MAX_METADATA_VALUE = 256;
const MAX_LISTED = 16;
const MAX_LISTED_TEXT = 160;

export interface OutgoingStatus {
  code: status;
  details: string;
  metadata: Metadata;
}

const reasonPrefix = 'ERROR_REASON_';
const reasonNames = new Map<ErrorReason, string>(
  ErrorReasonSchema.values.map(({ number, name }) => [
    number as ErrorReason,
    name.slice(reasonPrefix.length),
  ]),
);
const reasonsByName = new Map([...reasonNames].map(([reason, name]) => [name, reason]));

/** The name of a reason as it travels, without the prefix. */
export function reasonName(reason: ErrorReason): string {
  return reasonNames.get(reason) ?? 'INTERNAL';
}

/** A fault of ours: its cause is for the log, and nothing of it leaves the mesh. */
export class InternalError extends DomainError {
  override readonly code = status.INTERNAL;
  override readonly reason = ErrorReason.INTERNAL;

  constructor(cause?: unknown) {
    super(
      "A fault inside the service. The answer's metadata trace-id names the trace to look at.",
      {},
      { cause },
    );
  }
}

export function toDomainError(error: unknown): DomainError {
  return error instanceof DomainError ? error : new InternalError(error);
}

export function toStatus(error: unknown): OutgoingStatus {
  const known = toDomainError(error);
  const sent = toStatusMessage(known);
  const metadata = new Metadata();
  const details = toBinary(StatusSchema, sent);
  metadata.set(DETAILS_KEY, Buffer.from(details.buffer, details.byteOffset, details.byteLength));
  return { code: known.code, details: sent.message, metadata };
}

/** For streams whose messages fail one by one. */
export function toStatusMessage(error: unknown): Status {
  const known = toDomainError(error);
  const message = clip(known.message, MAX_MESSAGE);
  return create(StatusSchema, { code: known.code, message, details: detailsOf(known) });
}

function detailsOf(error: DomainError): Any[] {
  const metadata: Record<string, string> = {};
  for (const [key, value] of Object.entries(error.metadata)) metadata[key] = clip(value, MAX_METADATA_VALUE);
  const details = [
    anyPack(
      ErrorInfoSchema,
      create(ErrorInfoSchema, { reason: reasonName(error.reason), domain: DOMAIN, metadata }),
    ),
  ];
  const { retryAfterMs, fieldViolations, preconditions, quotas } = error;
  if (retryAfterMs !== undefined) {
    const retryDelay = durationFromMs(Math.max(0, Math.ceil(retryAfterMs)));
    details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })));
  }
  if (fieldViolations?.length) {
    const violations = { fieldViolations: listed(fieldViolations) };
    details.push(anyPack(BadRequestSchema, create(BadRequestSchema, violations)));
  }
  if (preconditions?.length) {
    const failure = create(PreconditionFailureSchema, { violations: listed(preconditions) });
    details.push(anyPack(PreconditionFailureSchema, failure));
  }
  if (quotas?.length) {
    const failure = create(QuotaFailureSchema, { violations: listed(quotas) });
    details.push(anyPack(QuotaFailureSchema, failure));
  }
  return details;
}

function listed<T extends object>(violations: readonly T[]): T[] {
  return violations
    .slice(0, MAX_LISTED)
    .map(
      (violation) =>
        Object.fromEntries(
          Object.entries(violation).map(([key, text]) => [key, clip(String(text), MAX_LISTED_TEXT)]),
        ) as T,
    );
}

/** Well formed, because grpc-js percent-encodes it, which throws on half a surrogate pair. */
function clip(text: string, length: number): string {
  return (text.length > length ? `${text.slice(0, length - 1)}…` : text).toWellFormed();
}

/** An error that another service of the mesh answered with; it leaves this one as it came. */
export class RpcError extends DomainError {
  override readonly code: status;
  override readonly reason: ErrorReason;

  constructor(fields: RpcErrorFields, cause?: unknown) {
    super(fields.message, fields.metadata, { cause });
    this.code = fields.code;
    this.reason = fields.reason;
    this.retryAfterMs = fields.retryAfterMs;
    this.fieldViolations = fields.fieldViolations;
    this.preconditions = fields.preconditions;
    this.quotas = fields.quotas;
  }
}

type RpcErrorFields = Pick<
  DomainError,
  'code' | 'reason' | 'message' | 'metadata' | 'retryAfterMs' | 'fieldViolations' | 'preconditions' | 'quotas'
>;

/** `dependency` names the service that was called, for errors that come from the way to it. */
export function fromStatus(error: ServiceError, dependency: string): RpcError {
  const sent = sentStatus(error.metadata);
  return (
    (sent && detailed({ ...sent, code: error.code, message: error.details }, error)) ??
    undetailed(error, dependency)
  );
}

/** What toStatusMessage made of an error, as an error again. */
export function fromStatusMessage(sent: Status): RpcError {
  const { code, message } = sent;
  return detailed(sent) ?? rpcError(new Error(message), code, ErrorReason.INTERNAL, message);
}

/** None for a status that is not ours. */
function detailed(sent: Status, cause?: ServiceError): RpcError | undefined {
  const info = unpack(sent, ErrorInfoSchema);
  if (info?.domain !== DOMAIN) return undefined;
  const retryDelay = unpack(sent, RetryInfoSchema)?.retryDelay;
  return new RpcError(
    {
      code: sent.code,
      reason: reasonsByName.get(info.reason) ?? ErrorReason.UNSPECIFIED,
      message: sent.message,
      metadata: { ...info.metadata },
      retryAfterMs: retryDelay && durationMs(retryDelay),
      fieldViolations: unpack(sent, BadRequestSchema)?.fieldViolations,
      preconditions: unpack(sent, PreconditionFailureSchema)?.violations,
      quotas: unpack(sent, QuotaFailureSchema)?.violations,
    },
    cause,
  );
}

function sentStatus(metadata: Metadata | undefined): Status | undefined {
  const [bytes] = metadata?.get(DETAILS_KEY) ?? [];
  if (!Buffer.isBuffer(bytes)) return undefined;
  try {
    return fromBinary(StatusSchema, bytes);
  } catch {
    return undefined;
  }
}

function unpack<D extends DescMessage>(sent: Status, schema: D): MessageShape<D> | undefined {
  for (const detail of sent.details) {
    const message = anyUnpackTo(detail, schema, create(schema));
    if (message) return message;
  }
  return undefined;
}

const LARGER_THAN_LIMIT = /larger than max \(\d+ vs\.? (\d+)\)|size larger than (\d+)/;

/**
 * Errors of the connection, of grpc-js itself, and of servers that are not ours. Their texts name addresses
 * and libraries, so what is said instead is ours, and theirs is kept as the cause for the log.
 */
function undetailed(error: ServiceError, dependency: string): RpcError {
  const { code, details } = error;
  const tooLarge = LARGER_THAN_LIMIT.exec(details);
  if (code === status.RESOURCE_EXHAUSTED && tooLarge) {
    const limit = tooLarge[1] ?? tooLarge[2]!;
    const message = `The answer of ${dependency} is over the limit of ${limit} bytes. Ask for less at a time.`;
    return rpcError(error, code, ErrorReason.MESSAGE_TOO_LARGE, message, { limit_bytes: limit });
  }
  switch (code) {
    case status.UNAVAILABLE: {
      const message = `${dependency} can not be reached. Try again.`;
      const unavailable = rpcError(error, code, ErrorReason.DEPENDENCY_UNAVAILABLE, message, { dependency });
      unavailable.retryAfterMs = 1_000;
      return unavailable;
    }
    case status.DEADLINE_EXCEEDED:
      return rpcError(error, code, ErrorReason.DEADLINE_EXCEEDED, `${dependency} did not answer in time.`);
    case status.CANCELLED:
      return rpcError(error, code, ErrorReason.CANCELLED, 'The call was cancelled.');
    default:
      return rpcError(
        error,
        code,
        ErrorReason.INTERNAL,
        `${dependency} answered with ${status[code] ?? code}.`,
      );
  }
}

function rpcError(
  cause: Error,
  code: status,
  reason: ErrorReason,
  message: string,
  metadata: Record<string, string> = {},
): RpcError {
  const fields = { code, reason, message, metadata };
  return new RpcError(
    {
      ...fields,
      retryAfterMs: undefined,
      fieldViolations: undefined,
      preconditions: undefined,
      quotas: undefined,
    },
    cause,
  );
}

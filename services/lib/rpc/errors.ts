import { status } from '@grpc/grpc-js';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { formatDuration } from './deadlines.ts';

export interface FieldViolation {
  /** The path of the field, as `lease.ttl` or `labels[3]`. */
  field: string;
  /** The rule that was broken and what to do. */
  description: string;
}

export interface Precondition {
  type: string;
  subject: string;
  description: string;
}

export interface QuotaViolation {
  subject: string;
  description: string;
}

/**
 * A refusal that the caller can understand: where it is born it gets the code and reason it leaves with, and
 * status.ts turns it into a google.rpc.Status. The message is for people, so it must hold nothing secret.
 */
export abstract class DomainError extends Error {
  abstract readonly code: status;
  abstract readonly reason: ErrorReason;
  readonly metadata: Record<string, string>;
  retryAfterMs?: number;
  fieldViolations?: readonly FieldViolation[];
  preconditions?: readonly Precondition[];
  quotas?: readonly QuotaViolation[];

  constructor(message: string, metadata: Record<string, string> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.metadata = metadata;
  }
}

export class InvalidFields extends DomainError {
  override readonly code = status.INVALID_ARGUMENT;
  override readonly reason = ErrorReason.INVALID_FIELD;
  override readonly fieldViolations: readonly FieldViolation[];

  constructor(violations: readonly FieldViolation[]) {
    super(violations.map(({ field, description }) => `${field}: ${description}`).join('; '));
    this.fieldViolations = violations;
  }
}

/** Bytes that are no message of the type the method takes. */
export class MalformedMessage extends DomainError {
  override readonly code = status.INVALID_ARGUMENT;
  override readonly reason = ErrorReason.INVALID_FIELD;

  constructor(typeName: string, options?: ErrorOptions) {
    super(
      `The request is not a valid ${typeName} message: encode it as protobuf by the current definition.`,
      {},
      options,
    );
    this.fieldViolations = [{ field: '', description: `the bytes are not a ${typeName} message` }];
  }
}

export class MessageTooLarge extends DomainError {
  override readonly code = status.RESOURCE_EXHAUSTED;
  override readonly reason = ErrorReason.MESSAGE_TOO_LARGE;

  constructor(what: 'request' | 'response' | 'metadata', limitBytes: number, sizeBytes?: number) {
    const size = sizeBytes === undefined ? '' : ` (it has ${sizeBytes})`;
    const remedy = what === 'response' ? 'Ask for less at a time, with a smaller page_size.' : 'Send less.';
    super(`The ${what} is over the limit of ${limitBytes} bytes${size}. ${remedy}`, {
      limit_bytes: String(limitBytes),
    });
  }
}

export class CredentialsMissing extends DomainError {
  override readonly code = status.UNAUTHENTICATED;
  override readonly reason = ErrorReason.CREDENTIALS_MISSING;

  constructor() {
    super(
      'No credentials came with the call. Send an API key as metadata x-api-key, or authorization: Bearer.',
    );
  }
}

export class Unauthenticated extends DomainError {
  override readonly code = status.UNAUTHENTICATED;
  override readonly reason = ErrorReason.CREDENTIALS_INVALID;

  constructor(
    message = 'The credentials are unknown, expired or revoked. Get new ones.',
    options?: ErrorOptions,
  ) {
    super(message, {}, options);
  }
}

/** The caller is known but may not; `missing` names the scope or role. */
export class PermissionDenied extends DomainError {
  override readonly code = status.PERMISSION_DENIED;
  override readonly reason = ErrorReason.SCOPE_MISSING;

  constructor(missing: { scope: string } | { role: string }, message?: string) {
    const [kind, name] = Object.entries(missing)[0]!;
    super(message ?? `The call needs the ${kind} ${name}, which the caller does not have.`, { ...missing });
  }
}

/** Also for what belongs to another tenant: the two are not told apart. */
export class NotFound extends DomainError {
  override readonly code = status.NOT_FOUND;
  override readonly reason = ErrorReason.NOT_FOUND;

  constructor(resource: string, name: string) {
    super(`There is no ${resource} ${name}.`, { resource, name });
  }
}

export class AlreadyExists extends DomainError {
  override readonly code = status.ALREADY_EXISTS;
  override readonly reason = ErrorReason.ALREADY_EXISTS;

  constructor(resource: string, name: string) {
    super(`There is a ${resource} ${name} already.`, { resource, name });
  }
}

export class EtagMismatch extends DomainError {
  override readonly code = status.ABORTED;
  override readonly reason = ErrorReason.ETAG_MISMATCH;

  constructor(resource: string, name: string) {
    super(`The ${resource} ${name} changed since it was read. Read it again.`, { resource, name });
  }
}

export class RequestIdReused extends DomainError {
  override readonly code = status.INVALID_ARGUMENT;
  override readonly reason = ErrorReason.REQUEST_ID_REUSED;

  constructor(requestId: string) {
    super('The request_id was used for a request with another body. Use a new one.', {
      request_id: requestId,
    });
  }
}

export class QuotaExceeded extends DomainError {
  override readonly code = status.RESOURCE_EXHAUSTED;
  override readonly reason = ErrorReason.QUOTA_EXCEEDED;

  constructor(subject: string, description: string, retryAfterMs?: number) {
    super(description, { quota: subject });
    this.quotas = [{ subject, description }];
    this.retryAfterMs = retryAfterMs;
  }
}

export class TooManyStreams extends DomainError {
  override readonly code = status.RESOURCE_EXHAUSTED;
  override readonly reason = ErrorReason.TOO_MANY_STREAMS;

  constructor(of: 'caller' | 'process' | 'calls', limit: number) {
    super(TOO_MANY[of], { limit: String(limit), of });
    if (of !== 'caller') this.retryAfterMs = 1_000;
  }
}

const TOO_MANY = {
  caller: 'The caller has too many streams open. Close some; one stream can serve a whole worker.',
  process: 'Too many streams are open on this process. Try another replica, or later.',
  calls: 'Too many calls are running on this process. Try another replica, or later.',
} as const;

/** The caller does not read what it is sent. */
export class ReaderStalled extends DomainError {
  override readonly code = status.RESOURCE_EXHAUSTED;
  override readonly reason = ErrorReason.QUOTA_EXCEEDED;

  constructor(description: string) {
    super(description, { quota: 'stream_buffer' });
    this.quotas = [{ subject: 'stream_buffer', description }];
  }
}

export class GoingAway extends DomainError {
  override readonly code = status.UNAVAILABLE;
  override readonly reason = ErrorReason.GOING_AWAY;

  constructor() {
    super('The process is stopping. Send the call to another replica, or again.');
    this.retryAfterMs = 0;
  }
}

export class DependencyUnavailable extends DomainError {
  override readonly code = status.UNAVAILABLE;
  override readonly reason = ErrorReason.DEPENDENCY_UNAVAILABLE;

  constructor(dependency: string, options: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(
      `${dependency} can not be reached. Try again; repeat the call with the same request_id if it has one.`,
      { dependency },
      { cause: options.cause },
    );
    this.retryAfterMs = options.retryAfterMs ?? 1_000;
  }
}

export class DeadlineExceeded extends DomainError {
  override readonly code = status.DEADLINE_EXCEEDED;
  override readonly reason = ErrorReason.DEADLINE_EXCEEDED;

  /** `serverLimitMs` when it was the server's own limit and not the caller's. */
  constructor(serverLimitMs?: number) {
    if (serverLimitMs === undefined) super('The time the caller gave the call is over.');
    else {
      const limit = formatDuration(serverLimitMs);
      super(`The call took longer than the server's limit of ${limit}.`, { limit });
    }
  }
}

export class Cancelled extends DomainError {
  override readonly code = status.CANCELLED;
  override readonly reason = ErrorReason.CANCELLED;

  constructor() {
    super('The caller gave up the call.');
  }
}

/** For what a handler left running when it came back; nobody but it sees this. */
export class StreamAnswered extends DomainError {
  override readonly code = status.CANCELLED;
  override readonly reason = ErrorReason.CANCELLED;

  constructor() {
    super('The stream has been answered in full already.');
  }
}

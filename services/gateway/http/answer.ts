import type { OutgoingHttpHeaders } from 'node:http';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { CredentialsMissing, type DomainError } from '#lib/rpc/errors.ts';
import { httpStatus } from '../http-status.ts';

/** What a plain HTTP route answers: JSON, unless the body is text and the headers say its type. */
export interface Answer {
  readonly status: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly body: unknown;
}

export function json(body: unknown, headers: OutgoingHttpHeaders = {}): Answer {
  return { status: 200, headers, body };
}

export function detail(status: number, text: unknown, headers: OutgoingHttpHeaders = {}): Answer {
  return { status, headers, body: { detail: text } };
}

/** One field at fault, in the form that FastAPI gives it. */
export interface FieldFault {
  loc: (string | number)[];
  msg: string;
  type: string;
}

/** Ends a route with an answer that is decided where it is thrown. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly answer: Answer;

  constructor(answer: Answer, options?: ErrorOptions) {
    super(`answered with ${answer.status}`, options);
    this.answer = answer;
  }
}

/** In whole seconds, at least one: who comes back at once would find the same. */
export function retryAfterSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000));
}

/** What the mesh says, as these clients know it; `where` is where the request's parameters stand. */
export function errorAnswer(error: DomainError, where: 'body' | 'query' = 'body'): Answer {
  const status = httpStatus(error);
  const headers: OutgoingHttpHeaders = {};
  if (error.retryAfterMs !== undefined)
    headers['retry-after'] = String(retryAfterSeconds(error.retryAfterMs));
  if (status === 401)
    headers['www-authenticate'] =
      error instanceof CredentialsMissing ? 'Bearer' : 'Bearer error="invalid_token"';
  return detail(status, status === 422 ? faultsOf(error, where) : textOf(error), headers);
}

function faultsOf(error: DomainError, where: 'body' | 'query'): FieldFault[] {
  const violations = error.fieldViolations ?? [];
  if (violations.length === 0) return [{ loc: [where], msg: error.message, type: 'value_error' }];
  return violations.map(({ field, description }) => ({
    loc: field === '' ? [where] : [where, ...placeOf(field)],
    msg: description,
    type: 'value_error',
  }));
}

/** Parameters that have another name in the mesh. */
const NAMES: Readonly<Record<string, string>> = {
  peer: 'tg_receiver',
  query: 'q',
  account_ids: 'accounts',
  max_count: 'count',
};

/** `account.phone` is `phone` to who sends it as a field of its own, and `reactions[2].emoji` the third of them. */
function placeOf(field: string): (string | number)[] {
  const parts = field.split('.').map((part) => /^(\w*)(?:\[(\d+)\])?/.exec(part)!);
  const [, name = '', index] = parts.findLast(([, , at]) => at !== undefined) ?? parts.at(-1)!;
  return [NAMES[name] ?? name, ...(index === undefined ? [] : [Number(index)])];
}

/** As these clients know it. */
const NOT_FOUND: Readonly<Record<string, string>> = {
  account: 'Account not found',
  proxy: 'Proxy not found',
  campaign: 'Task not found',
};

function textOf(error: DomainError): string {
  const resource = error.reason === ErrorReason.NOT_FOUND ? error.metadata['resource'] : undefined;
  return NOT_FOUND[resource ?? ''] ?? error.message;
}

import type { OutgoingHttpHeaders } from 'node:http';
import { CredentialsMissing, InvalidFields, type DomainError } from '#lib/rpc/errors.ts';
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

export function errorAnswer(error: DomainError): Answer {
  const headers: OutgoingHttpHeaders = {};
  if (error.retryAfterMs !== undefined)
    headers['retry-after'] = String(retryAfterSeconds(error.retryAfterMs));
  if (error instanceof CredentialsMissing) headers['www-authenticate'] = 'Bearer';
  return detail(httpStatus(error.code), detailOf(error), headers);
}

function detailOf(error: DomainError): string | FieldFault[] {
  const violations = error.fieldViolations ?? [];
  if (violations.length === 0 || httpStatus(error.code) !== httpStatus(new InvalidFields([]).code))
    return error.message;
  return violations.map(({ field, description }) => ({
    loc: ['body', field],
    msg: description,
    type: 'value_error',
  }));
}

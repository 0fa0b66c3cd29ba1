import type { RouteDescription } from '../http/described.ts';
import type { Field } from '../http/fields.ts';
import { answer, ref, retryAfter, traceId } from './schema.ts';

/** What any route may answer besides its own. */
const ALWAYS = {
  429: answer('Too much at once, or Telegram asks to wait.', ref('Error'), retryAfter),
  500: answer('A fault of the gateway or of a service.', ref('Error')),
  503: answer('A service can not be reached, or Telegram can not.', ref('Error'), retryAfter),
  504: answer('A service did not answer in time.', ref('Error')),
};

const NEEDS_CALLER = {
  401: answer('No credentials, or none that are good any more.', ref('Error'), {
    'www-authenticate': { schema: { type: 'string', example: 'Bearer' } },
  }),
  403: answer('The caller lacks the right to this.', ref('Error')),
};

const TAKES_INPUT = {
  422: answer('Parameters at fault, each with what is wrong with it.', ref('ValidationError')),
};

const TAKES_BODY = {
  400: answer('The body can not be read, or Telegram refuses this.', ref('Error')),
  413: answer('The body is too large.', ref('Error')),
};

/** A route's part of the document. */
export function operation(method: string, path: string, description: RouteDescription): object {
  const { tag, id, summary, details, isOpen, input, headers, answers } = description;
  const fields = Object.entries(input);
  const isInBody = method !== 'GET' && method !== 'DELETE';
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const inQuery = isInBody ? [] : fields.map(([name, field]) => queryParameter(name, field));
  const parameters = [...inPath, ...inQuery, ...headers];
  const hasInput = fields.length > 0 || headers.length > 0;
  return {
    tags: [tag],
    operationId: id,
    summary,
    ...(details === undefined ? {} : { description: details }),
    security: isOpen ? [] : [{ bearer: [] }, { apiKey: [] }, { cookie: [] }],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(isInBody && fields.length > 0 ? { requestBody: requestBody(fields) } : {}),
    responses: {
      ...ALWAYS,
      ...(isOpen ? {} : NEEDS_CALLER),
      ...(hasInput ? TAKES_INPUT : {}),
      ...(isInBody ? TAKES_BODY : { 400: TAKES_BODY[400] }),
      ...withTraceId(answers),
    },
  };
}

function queryParameter(name: string, { schema, isRequired }: Field<unknown>): object {
  const { description, ...rest } = schema;
  return { name, in: 'query', required: isRequired, description, schema: rest };
}

function requestBody(fields: readonly [string, Field<unknown>][]): object {
  const required = fields.filter(([, { isRequired }]) => isRequired).map(([name]) => name);
  const schema = {
    type: 'object',
    ...(required.length > 0 ? { required } : {}),
    properties: Object.fromEntries(fields.map(([name, field]) => [name, field.schema])),
  };
  return {
    required: required.length > 0,
    content: { 'application/json': { schema }, 'application/x-www-form-urlencoded': { schema } },
  };
}

function withTraceId(answers: Readonly<Record<number, object>>): Record<string, object> {
  return Object.fromEntries(
    Object.entries(answers).map(([status, one]) => {
      const { headers } = one as { headers?: object };
      return [status, Number(status) < 300 ? { ...one, headers: { ...traceId, ...headers } } : one];
    }),
  );
}

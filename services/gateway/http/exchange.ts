import type { Authenticated } from '#lib/auth/authenticate.ts';
import type { EdgeCall } from '../edge-call.ts';
import type { Edge } from '../edge.ts';
import { readBody } from '../read-body.ts';
import { isForm, parseForm, readFields, type BodyFields } from './body.ts';

/** One request to a plain HTTP route. */
export interface Exchange {
  readonly edge: Edge;
  /** The parent of the calls into the mesh. */
  readonly call: EdgeCall;
  readonly params: ReadonlyMap<string, string>;
  readonly query: URLSearchParams;
  header(name: string): string | undefined;
  /** The fields of a form; none when the body is empty or is no form. Refused when it is too large or broken. */
  form(): Promise<ReadonlyMap<string, string>>;
  /** The fields of a JSON object or a form; refused when the body is neither, too large or broken. */
  fields(): Promise<BodyFields>;
  /** Lets a known caller in, for as long as the route may take; the usual limit when not given. */
  admit(authenticated: Authenticated, timeoutMs?: number): void;
}

export function createExchange(edge: Edge, call: EdgeCall, params: ReadonlyMap<string, string>): Exchange {
  const { request } = call;
  const url = request.url ?? '/';
  const start = url.indexOf('?');
  let form: Promise<ReadonlyMap<string, string>> | undefined;
  let fields: Promise<BodyFields> | undefined;
  return {
    edge,
    call,
    params,
    query: new URLSearchParams(start === -1 ? '' : url.slice(start + 1)),
    header(name) {
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
    form: () => (form ??= readForm(call, edge.limits.maxFormBytes)),
    fields: () => (fields ??= readFields(call, edge.limits.maxFormBytes)),
    admit: (authenticated, timeoutMs) => call.admit('unary', authenticated, timeoutMs),
  };
}

async function readForm(call: EdgeCall, maxBytes: number): Promise<ReadonlyMap<string, string>> {
  const type = call.get('content-type') ?? '';
  if (!isForm(type)) return new Map();
  const body = await readBody(call, maxBytes);
  if (body.length === 0) return new Map();
  const fields = new Map<string, string>();
  for (const [name, value] of await parseForm(body, type))
    if (typeof value === 'string') fields.set(name, value);
  return fields;
}

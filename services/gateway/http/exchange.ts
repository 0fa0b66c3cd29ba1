import type { Authenticated } from '#lib/auth/authenticate.ts';
import type { EdgeCall } from '../edge-call.ts';
import type { Edge, EdgeRequest } from '../edge.ts';
import { detail, Refusal } from './answer.ts';

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
  /** Lets a known caller in, for as long as the route may take; the usual limit when not given. */
  admit(authenticated: Authenticated, timeoutMs?: number): void;
}

export function createExchange(edge: Edge, call: EdgeCall, params: ReadonlyMap<string, string>): Exchange {
  const { request } = call;
  const url = request.url ?? '/';
  const start = url.indexOf('?');
  let fields: Promise<ReadonlyMap<string, string>> | undefined;
  return {
    edge,
    call,
    params,
    query: new URLSearchParams(start === -1 ? '' : url.slice(start + 1)),
    header(name) {
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
    form: () => (fields ??= readForm(request, edge.limits.maxFormBytes)),
    admit: (authenticated, timeoutMs) => call.admit('unary', authenticated, timeoutMs),
  };
}

const FORM_TYPES = ['application/x-www-form-urlencoded', 'multipart/form-data'];

async function readForm(request: EdgeRequest, maxBytes: number): Promise<ReadonlyMap<string, string>> {
  const type = request.headers['content-type'] ?? '';
  if (!FORM_TYPES.some((known) => type.toLowerCase().startsWith(known))) return new Map();
  const body = await readBody(request, maxBytes);
  if (body.length === 0) return new Map();
  let form: FormData;
  try {
    form = await new Response(body, { headers: { 'content-type': type } }).formData();
  } catch {
    throw new Refusal(detail(400, 'There was an error parsing the body'));
  }
  const fields = new Map<string, string>();
  for (const [name, value] of form) if (typeof value === 'string') fields.set(name, value);
  return fields;
}

async function readBody(request: EdgeRequest, maxBytes: number): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Not destroyed when it is too large: the connection must live to carry the refusal.
  const body = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw new Refusal(detail(413, `The body is over the limit of ${maxBytes} bytes`));
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

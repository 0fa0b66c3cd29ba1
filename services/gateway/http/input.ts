import { detail, Refusal, type FieldFault } from './answer.ts';
import type { Exchange } from './exchange.ts';
import { Fault, type Field, type Fields, type Input } from './fields.ts';

/** Every parameter of a request, or a refusal that names all that are at fault. */
export async function readInput<F extends Fields>(exchange: Exchange, fields: F): Promise<Input<F>> {
  if (Object.keys(fields).length === 0) return {} as Input<F>;
  const body = hasBody(exchange) ? await exchange.fields() : undefined;
  const faults: FieldFault[] = [];
  const input: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const found = find(exchange, body, name, field);
    if (found.value === undefined || (found.value === null && !field.isRequired)) {
      if (field.isRequired) faults.push({ loc: [found.where, name], msg: 'Field required', type: 'missing' });
      input[name] = field.absent;
      continue;
    }
    const taken = field.read(found.value);
    if (taken instanceof Fault) faults.push({ loc: [found.where, name], msg: taken.msg, type: taken.type });
    else input[name] = taken;
  }
  if (faults.length > 0) throw new Refusal(detail(422, faults));
  return input as Input<F>;
}

/** What the body lacks may stand in the query. */
function find(
  { query }: Exchange,
  body: ReadonlyMap<string, unknown> | undefined,
  name: string,
  field: Field<unknown>,
): { where: 'body' | 'query'; value: unknown } {
  const inBody = body?.get(name);
  const inQuery = field.isSecret === true || inBody !== undefined ? undefined : queried(query, name, field);
  const where = body === undefined || inQuery !== undefined ? 'query' : 'body';
  return { where, value: inBody ?? inQuery ?? (inBody === null ? null : undefined) };
}

function queried(query: URLSearchParams, name: string, { schema }: Field<unknown>): unknown {
  const values = query.getAll(name);
  // An empty field of a search form is one that was not filled in.
  const given = values.filter((value) => value !== '');
  if (schema['type'] === 'array' && given.length > 1) return given;
  return given.at(-1);
}

function hasBody({ call: { request } }: Exchange): boolean {
  return request.method !== 'GET' && request.method !== 'HEAD' && request.method !== 'DELETE';
}

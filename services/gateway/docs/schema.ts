/* What the parts of the OpenAPI document are made of. */

export type Schema = Readonly<Record<string, unknown>>;

export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

/** An object that has all of these and nothing else, but for those that are named optional. */
export function object(properties: Record<string, object>, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', required, properties, additionalProperties: false };
}

export const listOfRef = (name: string): Schema => ({ type: 'array', items: ref(name) });

export function answer(description: string, schema: object, headers?: Record<string, object>): object {
  return { description, ...(headers ? { headers } : {}), content: { 'application/json': { schema } } };
}

export const traceId = {
  'trace-id': { description: 'The trace to look at when something is strange.', schema: { type: 'string' } },
};

export const retryAfter = {
  'retry-after': { description: 'Seconds to wait before the next attempt.', schema: { type: 'integer' } },
};

export const text = (description: string, example?: string): Schema => ({
  type: 'string',
  description,
  ...(example === undefined ? {} : { example }),
});

export const nullable = (type: string, description: string, example: unknown = null): Schema => ({
  type: [type, 'null'],
  description,
  example,
});

export const time = (description: string): Schema => ({
  type: 'string',
  format: 'date-time',
  description,
  example: '2026-03-01T18:30:00.000Z',
});

export const wholeNumber = (description: string, example: number): Schema => ({
  type: 'integer',
  description,
  example,
});

/** Header of routes that must not do a thing twice. */
export const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'Of your choice, new for each request. A repeat with it does nothing twice, for 24 hours.',
  schema: { type: 'string', maxLength: 100 },
};

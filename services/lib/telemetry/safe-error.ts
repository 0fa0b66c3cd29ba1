/** Longest error text that goes into a span or a log line. */
const MAX_MESSAGE = 500;
const MAX_CAUSES = 5;

interface DatabaseFields {
  code?: unknown;
  severity?: unknown;
  schema?: unknown;
  table?: unknown;
  constraint?: unknown;
}

/**
 * An error's message without the values that were being handled: PostgreSQL quotes the offending value in
 * its data exceptions (class 22), and any text may carry a URL with a password.
 */
export function safeMessage(error: unknown): string {
  if (!(error instanceof Error)) return clip(`non-error thrown: ${typeof error}`);
  const { code, severity } = error as DatabaseFields;
  const isDataException = typeof severity === 'string' && typeof code === 'string' && code.startsWith('22');
  const text = isDataException ? error.message.replace(/"[^"]*"/g, '"…"') : error.message;
  return clip(hideUrlPasswords(text));
}

/** What a log line keeps of an error: never its query, parameters, detail or request. */
export function describeError(error: unknown, depth = 0): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error, message: safeMessage(error) };
  const { code, reason, schema, table, constraint } = error as DatabaseFields & { reason?: unknown };
  const description: Record<string, unknown> = { type: error.constructor.name, message: safeMessage(error) };
  for (const [name, value] of Object.entries({ code, reason, schema, table, constraint }))
    if (typeof value === 'string' || typeof value === 'number') description[name] = value;
  if (error.stack) description['stack'] = stackFrames(error.stack);
  if (depth >= MAX_CAUSES) return description;
  if (error.cause !== undefined) description['cause'] = describeError(error.cause, depth + 1);
  if (error instanceof AggregateError)
    description['errors'] = error.errors.slice(0, MAX_CAUSES).map((one) => describeError(one, depth + 1));
  return description;
}

/** The frames alone: the first lines of a stack repeat the message as it was, values included. */
function stackFrames(stack: string): string {
  return stack
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .join('\n');
}

export function hideUrlPasswords(text: string): string {
  return text.includes('://') ? text.replace(/(:\/\/[^\s:/"@]*):[^\s"@]*@/g, '$1:***@') : text;
}

function clip(text: string): string {
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text;
}

import { describeError } from './safe-error.ts';

/** Compared without case, `-` and `_`. `session_id`, `fencing_token` and `page_token` are not secrets. */
const SECRET_NAMES = new Set(
  `authorization proxyauthorization cookie setcookie apikey xapikey password passphrase secret key token
   accesstoken refreshtoken idtoken bearer authkey masterkey meshkey operatorkey datakey privatekey session
   sessionstring stringsession code logincode phonecode phonecodehash passwordhash phone phonenumber apihash
   credentials databaseurl dsn`.split(/\s+/),
);
const SECRET_ENDINGS = ['password', 'secret', 'apikey', 'authkey', 'masterkey', 'privatekey', 'phonenumber'];

const MAX_DEPTH = 6;
const REDACTED = '[redacted]';

export function isSecretName(name: string): boolean {
  const plain = name.replace(/[-_]/g, '').toLowerCase();
  return SECRET_NAMES.has(plain) || SECRET_ENDINGS.some((ending) => plain.endsWith(ending));
}

export function redact(fields: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, redactField(name, value, 1)]),
  );
}

function redactField(name: string, value: unknown, depth: number): unknown {
  if (value === undefined || value === null) return value;
  return isSecretName(name) ? REDACTED : redactValue(value, depth);
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return depth === 1 ? value : describeError(value);
  if (value instanceof Date) return value;
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`;
  if (depth >= MAX_DEPTH) return '[too deep]';
  if (Array.isArray(value)) return value.map((item) => redactValue(item, depth + 1));
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(
    entries.map(([name, item]) => [String(name), redactField(String(name), item, depth + 1)]),
  );
}

/** The last four digits: enough for who knows the number to tell it from others. */
export function endOfPhone(phone: string): string {
  return `…${phone.replace(/\D/g, '').slice(-4)}`;
}

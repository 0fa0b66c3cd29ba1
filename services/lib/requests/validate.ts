import type { Duration } from '@bufbuild/protobuf/wkt';
import { InvalidFields, type FieldViolation } from '#lib/rpc/errors.ts';

/*
 * Each check adds what is wrong to `violations` and answers with the value in the form the service works with,
 * so that a request's faults are all found before throwIfAny reports them together.
 */

export const LABELS_A_SESSION = 32;
export const LABELS_A_SELECTOR = 16;

const LABEL_KEY = /^[a-z0-9._-]{1,63}$/;
const LABEL_VALUE_LENGTH = 128;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const PAGE_SIZE = { absent: 100, max: 1_000 };
const LARGEST_ID = 2n ** 63n - 1n;

export function throwIfAny(violations: readonly FieldViolation[]): void {
  if (violations.length > 0) throw new InvalidFields(violations);
}

function refuse(violations: FieldViolation[], field: string, description: string): void {
  violations.push({ field, description });
}

/** Text for people or for comparing: holder, reason, method, peer, process id. Empty unless `min` forbids it. */
export function text(
  violations: FieldViolation[],
  field: string,
  value: string,
  bounds: { min?: number; max: number },
): string {
  const { min = 0, max } = bounds;
  if (min > 0 && value === '') refuse(violations, field, `is missing; send 1 to ${max} characters`);
  else if (isLonger(value, max)) refuse(violations, field, `is too long; send at most ${max} characters`);
  else if (CONTROL.test(value))
    refuse(violations, field, 'has a control character (a line break?); remove it');
  else if (!value.isWellFormed()) refuse(violations, field, 'is not valid Unicode; send UTF-8');
  else if (min > 0 && value.trim() === '') refuse(violations, field, 'has only blanks; send a name');
  return value;
}

/** Of a session: 1 to 128 characters, no control characters, no slashes. */
export function sessionName(violations: FieldViolation[], field: string, value: string): string {
  const before = violations.length;
  text(violations, field, value, { min: 1, max: 128 });
  if (violations.length === before && /[/\\]/.test(value))
    refuse(violations, field, 'has a slash; a name may stand for a file, so use another character');
  return value;
}

/** A name or the beginning of one, to look for: what no session can be called is a fault of the request. */
export function sessionNameWanted(violations: FieldViolation[], field: string, value: string): string {
  return text(violations, field, value, { max: 128 });
}

export function requestId(violations: FieldViolation[], field: string, value: string): string {
  return text(violations, field, value, { max: 128 });
}

export function labels(
  violations: FieldViolation[],
  field: string,
  value: Readonly<Record<string, string>>,
  bounds: { max: number },
): Record<string, string> {
  const entries = Object.entries(value);
  if (entries.length > bounds.max) {
    refuse(violations, field, `has ${entries.length} labels; send at most ${bounds.max}`);
    return {};
  }
  for (const [key, content] of entries) {
    const path = `${field}[${JSON.stringify(key.slice(0, 63))}]`;
    if (!LABEL_KEY.test(key))
      refuse(violations, path, 'has a key that is not 1 to 63 characters of a-z 0-9 . _ -; rename it');
    text(violations, path, content, { max: LABEL_VALUE_LENGTH });
  }
  return { ...value };
}

/** 0 is the default of 100. */
export function pageSize(violations: FieldViolation[], field: string, value: number): number {
  if (value < 0 || value > PAGE_SIZE.max)
    refuse(violations, field, `is ${value}; send 1 to ${PAGE_SIZE.max}, or 0 for ${PAGE_SIZE.absent}`);
  return value === 0 ? PAGE_SIZE.absent : value;
}

/** In milliseconds, rounded up. Absent is `absentMs`, or a fault where that is not given. */
export function durationMs(
  violations: FieldViolation[],
  field: string,
  value: Duration | undefined,
  bounds: { minMs: number; maxMs: number; absentMs?: number },
): number {
  const { minMs, maxMs, absentMs } = bounds;
  const range = `${spoken(minMs)} to ${spoken(maxMs)}`;
  if (value === undefined) {
    if (absentMs === undefined) refuse(violations, field, `is missing; send ${range}`);
    return absentMs ?? minMs;
  }
  const { seconds, nanos } = value;
  if (Math.abs(nanos) > 999_999_999 || (seconds > 0n && nanos < 0) || (seconds < 0n && nanos > 0)) {
    refuse(violations, field, 'is no Duration: nanos must be under 1,000,000,000, with the sign of seconds');
    return minMs;
  }
  // Far beyond every bound of ours a number is exact enough.
  const ms = Number(seconds) * 1_000 + Math.ceil(nanos / 1_000_000);
  if (seconds < 0n || nanos < 0) refuse(violations, field, `is negative; send ${range}`);
  else if (ms < minMs || ms > maxMs) refuse(violations, field, `is ${spoken(ms)}; send ${range}`);
  return ms;
}

/** In lower case, as the database gives it. */
export function uuid(violations: FieldViolation[], field: string, value: string): string {
  if (!UUID.test(value))
    refuse(
      violations,
      field,
      `${value === '' ? 'is missing' : 'is not a UUID'}; send the id as it was given`,
    );
  return value.toLowerCase();
}

/** Where no session is named by 0, `optional` says so. */
export function sessionId(
  violations: FieldViolation[],
  field: string,
  value: bigint,
  options: { optional?: boolean } = {},
): bigint {
  if (value === 0n && !options.optional) refuse(violations, field, 'is missing; send the id of a session');
  else if (value < 0n || value > LARGEST_ID)
    refuse(violations, field, 'is not the id of a session; send it as it was given');
  return value;
}

/** The lease's id and token, at `field.lease_id` and `field.fencing_token`. */
export function leaseProof(
  violations: FieldViolation[],
  field: string,
  value: { leaseId: string; fencingToken: bigint } | undefined,
): { leaseId: string; fencingToken: bigint } {
  if (value === undefined) {
    refuse(violations, field, 'is missing; send the lease_id and fencing_token of a lease');
    return { leaseId: '', fencingToken: 0n };
  }
  const leaseId = uuid(violations, `${field}.lease_id`, value.leaseId);
  if (value.fencingToken <= 0n)
    refuse(violations, `${field}.fencing_token`, 'is missing; send the token that came with the lease');
  return { leaseId, fencingToken: value.fencingToken };
}

/** One of the values that the definition knows and the call takes; `remedy` names them. */
export function oneOf<T extends number>(
  violations: FieldViolation[],
  field: string,
  value: T,
  allowed: readonly T[],
  remedy: string,
): T {
  if (!allowed.includes(value)) refuse(violations, field, `is not taken here; ${remedy}`);
  return value;
}

/** In code points, not UTF-16 units: what a client in another language counts. */
function isLonger(value: string, max: number): boolean {
  if (value.length <= max) return false;
  return value.length > 2 * max || Array.from(value).length > max;
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

function spoken(ms: number): string {
  const unit = UNITS.find(([, size]) => ms >= size && ms % size === 0);
  return unit ? `${ms / unit[1]} ${unit[0]}` : `${ms} ms`;
}

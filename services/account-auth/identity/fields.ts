import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { scopes as knownScopes, type Scope } from '#lib/auth/principal.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import * as validate from '#lib/requests/validate.ts';
import { whyGuessable } from './common-passwords.ts';

/* Each check adds what is wrong to `violations` and answers with the value in the form that is worked with. */

const EMAIL = /^[^\s@"(),:;<>[\]\\]+@[^\s@"(),:;<>[\]\\.]+(?:\.[^\s@"(),:;<>[\]\\.]+)*$/;
const EMAIL_LENGTH = 254;
const PASSWORD_LENGTH = { min: 10, max: 256 };
/** Of tokens and invitations, whose own form is known. */
const SECRET_LENGTH = 512;
/** A timestamp beyond it is no plan but a mistake. */
const LATEST_YEAR = 9_999;

/** In lower case. */
export function email(violations: FieldViolation[], field: string, value: string): string {
  const before = violations.length;
  validate.text(violations, field, value, { min: 1, max: EMAIL_LENGTH });
  if (violations.length === before && !EMAIL.test(value))
    violations.push({ field, description: 'is not an e-mail address; send one like name@example.org' });
  return value.toLowerCase();
}

/** One that is to be chosen. */
export function newPassword(
  violations: FieldViolation[],
  field: string,
  value: string,
  address: string,
): string {
  const { min, max } = PASSWORD_LENGTH;
  const length = value.length > 2 * max ? value.length : Array.from(value).length;
  let description: string | undefined;
  if (!value.isWellFormed()) description = 'is not valid Unicode; send UTF-8';
  else if (length < min || length > max) description = `has ${length} characters; send ${min} to ${max}`;
  else description = whyGuessable(value, address);
  if (description !== undefined) violations.push({ field, description });
  return value;
}

/** One that is only compared: which rules it was chosen by does not matter. */
export function givenPassword(violations: FieldViolation[], field: string, value: string): string {
  if (value === '') violations.push({ field, description: 'is missing' });
  else if (value.length > 2 * PASSWORD_LENGTH.max)
    violations.push({
      field,
      description: `is too long; no password has over ${PASSWORD_LENGTH.max} characters`,
    });
  else if (!value.isWellFormed()) violations.push({ field, description: 'is not valid Unicode; send UTF-8' });
  return value;
}

/** A token or invitation as it was given; what it is worth is seen later. */
export function secret(violations: FieldViolation[], field: string, value: string): string {
  if (value === '') violations.push({ field, description: 'is missing' });
  else if (value.length > SECRET_LENGTH)
    violations.push({
      field,
      description: `is longer than ${SECRET_LENGTH} characters; send it as it was given`,
    });
  return value;
}

/** Without repetition, in the order in which they are known here. */
export function scopes(violations: FieldViolation[], field: string, value: readonly string[]): Scope[] {
  if (value.length === 0) violations.push({ field, description: 'is empty; name at least one' });
  if (value.length > knownScopes.length)
    violations.push({
      field,
      description: `has ${value.length} entries; there are ${knownScopes.length} scopes`,
    });
  const grantable = knownScopes.filter((scope) => scope !== 'mesh');
  for (const [index, scope] of value.slice(0, knownScopes.length).entries())
    if (!(grantable as string[]).includes(scope))
      violations.push({
        field: `${field}[${index}]`,
        description: `is no scope; send ${grantable.join(', ')}`,
      });
  return grantable.filter((scope) => value.includes(scope));
}

/** A time to come. */
export function futureTime(
  violations: FieldViolation[],
  field: string,
  value: Timestamp | undefined,
  nowMs: number,
): Date | undefined {
  if (value === undefined) return undefined;
  const { seconds, nanos } = value;
  const ms = Number(seconds) * 1_000 + Math.floor(nanos / 1_000_000);
  const isTime = nanos >= 0 && nanos <= 999_999_999 && ms < Date.UTC(LATEST_YEAR + 1, 0);
  if (!isTime) violations.push({ field, description: `is no time before the year ${LATEST_YEAR + 1}` });
  else if (ms <= nowMs)
    violations.push({ field, description: 'is in the past; send a time to come, or none' });
  return isTime ? new Date(ms) : undefined;
}

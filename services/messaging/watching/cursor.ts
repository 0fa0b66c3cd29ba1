import type { FieldViolation } from '#lib/rpc/errors.ts';

/* A position in the tenant's log. It grants nothing: a stream sees its caller's tenant whatever the cursor says. */

const CURSOR = /^w1\.(\d{1,18})$/;

export function cursorOf(position: bigint): string {
  return `w1.${position}`;
}

/** Undefined for none. */
export function readCursor(violations: FieldViolation[], field: string, cursor: string): bigint | undefined {
  if (cursor === '') return undefined;
  const position = CURSOR.exec(cursor)?.[1];
  if (position !== undefined) return BigInt(position);
  violations.push({ field, description: 'is no cursor; send that of an event as it was given, or none' });
  return undefined;
}

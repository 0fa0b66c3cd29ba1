import type { FieldViolation } from '#lib/rpc/errors.ts';

const LARGEST_MESSAGE_ID = 2 ** 31 - 1;

/** The number of a message; 0, where that says something, only if `optional`. */
export function messageId(
  violations: FieldViolation[],
  field: string,
  value: bigint,
  options: { optional?: boolean } = {},
): number {
  if (value === 0n && !options.optional)
    violations.push({ field, description: 'is missing; send the message_id of a message' });
  else if (value < 0n || value > LARGEST_MESSAGE_ID)
    violations.push({ field, description: 'is the number of no message; send a message_id as it was given' });
  return Number(BigInt.asIntN(32, value));
}

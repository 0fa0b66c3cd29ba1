import type { FieldViolation } from '#lib/rpc/errors.ts';

const PAGE = { absent: 20, max: 100 };

/** Telegram gives no more than 100 at once. */
export function pageSize(violations: FieldViolation[], value: number): number {
  if (value < 0 || value > PAGE.max)
    violations.push({
      field: 'page_size',
      description: `is ${value}; send 1 to ${PAGE.max}, or 0 for ${PAGE.absent}`,
    });
  return value === 0 ? PAGE.absent : value;
}

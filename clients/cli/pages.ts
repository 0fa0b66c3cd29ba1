import { readCount } from './values.ts';

const LARGEST_PAGE = 1_000;

export interface Gathered<T> {
  readonly found: T[];
  /** Empty when that was all. */
  readonly nextPageToken: string;
}

/** Page after page up to `limit`. */
export async function gather<T>(
  limit: number,
  ask: (page: {
    pageSize: number;
    pageToken: string;
  }) => Promise<{ items: readonly T[]; nextPageToken: string }>,
): Promise<Gathered<T>> {
  const found: T[] = [];
  let nextPageToken = '';
  do {
    const page = await ask({
      pageSize: Math.min(LARGEST_PAGE, limit - found.length),
      pageToken: nextPageToken,
    });
    found.push(...page.items);
    nextPageToken = page.nextPageToken;
  } while (nextPageToken !== '' && found.length < limit);
  return { found, nextPageToken };
}

export const limitOption = {
  type: 'string',
  value: 'COUNT',
  doc: 'at most so many (default: 100)',
} as const;

export function readLimit(raw: string | undefined): number {
  return readCount('--limit', raw, { max: 1_000_000, byDefault: 100 });
}

export function thereAreMore(limit: number): string {
  return `There are more than ${limit}; --limit shows more.`;
}

import { whole, withDefault } from './fields.ts';

const PAGE = 1_000;

/** These clients count: from which one on, and how many. */
export const pageInput = {
  skip: withDefault(whole({ min: 0, max: 100_000, description: 'How many to pass over.', example: 0 }), 0),
  limit: withDefault(whole({ min: 1, max: 1_000, description: 'At most this many.', example: 100 }), 100),
};

export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string;
}

/** What stands there in a list that the mesh gives page by page. */
export async function counted<T>(
  fetchPage: (pageSize: number, pageToken: string) => Promise<Page<T>>,
  { skip, limit }: { skip: number; limit: number },
): Promise<T[]> {
  const wanted = skip + limit;
  const found: T[] = [];
  let seen = 0;
  let pageToken = '';
  do {
    const { items, next } = await fetchPage(Math.min(PAGE, wanted - seen), pageToken);
    found.push(...items.slice(Math.max(0, skip - seen)));
    seen += items.length;
    pageToken = next;
  } while (pageToken !== '' && seen < wanted);
  return found.slice(0, limit);
}

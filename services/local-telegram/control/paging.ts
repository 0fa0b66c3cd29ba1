import { invalid } from './fields.ts';

export interface PageRequest {
  pageSize: number;
  pageToken: string;
}

/** Where a page begins, behind what, and how long it may be. The list's name keeps tokens apart. */
export function readPage(
  list: string,
  { pageSize, pageToken: token }: PageRequest,
  sizes: { usual: number; most: number } = { usual: 100, most: 1_000 },
): { after: number; size: number } {
  if (pageSize < 0 || pageSize > sizes.most)
    throw invalid('page_size', `must be 0 to ${sizes.most}; 0 means ${sizes.usual}`);
  const size = pageSize === 0 ? sizes.usual : pageSize;
  if (token === '') return { after: 0, size };
  const [name, after] = Buffer.from(token.slice(0, 200), 'base64url').toString('utf8').split(' ');
  if (name !== list || !after || !/^\d{1,16}$/.test(after))
    throw invalid('page_token', 'is none of this list; send the next_page_token of an answer, or none');
  return { after: Number(after), size };
}

export function pageToken(list: string, after: number): string {
  return Buffer.from(`${list} ${after}`).toString('base64url');
}

/** A page of a list whose items stay where they are: the token is a place in it. */
export function pageOf<T>(
  list: string,
  request: PageRequest,
  items: readonly T[],
): { shown: T[]; nextPageToken: string } {
  const { after, size } = readPage(list, request);
  const shown = items.slice(after, after + size);
  const next = after + shown.length;
  return { shown, nextPageToken: next < items.length ? pageToken(list, next) : '' };
}

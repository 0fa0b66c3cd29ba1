import { sql, type QueryExecutorProvider } from 'kysely';
import { InvalidFields } from '#lib/rpc/errors.ts';
import type { Engagement, Parent } from '../engagement.ts';
import type { ActionKind, PostChoice, PostConditions } from '../model.ts';
import { fulfils, postsOf, type Post } from './conditions.ts';

/** The channel to read, by who administers it. */
export interface Source {
  readonly channel: string;
  readonly admin_account_id: string;
}

export interface ChosenPosts {
  readonly posts: readonly Post[];
  /** The newest that there is, whether chosen or not. */
  readonly newestPostId: bigint;
  readonly warnings: readonly string[];
}

const PAGE = 100;
const FEW = 10;
/** New posts between two looks that are looked at; a channel does not post more within a minute. */
const MOST_PAGES = 10;

/** Reads the posts that are meant as they are now. Throws what is wrong with those that are named. */
export async function choosePosts(
  engagement: Engagement,
  parent: Parent,
  source: Source,
  choice: PostChoice,
  conditions: PostConditions,
): Promise<ChosenPosts> {
  const nowMs = engagement.clock.now();
  if (choice.by === 'upcoming') {
    const newest = await newestPosts(engagement, parent, source, { most: 1 });
    return { posts: [], newestPostId: newest[0]?.postId ?? 0n, warnings: [] };
  }
  const found =
    choice.by === 'ids'
      ? await namedPosts(engagement, parent, source, choice.postIds)
      : await newestPosts(engagement, parent, source, { most: choice.count });
  const posts = found.filter((post) => fulfils(conditions, post, nowMs));
  const left = found.length - posts.length;
  if (posts.length === 0)
    throw new InvalidFields([
      left === 0
        ? { field: 'campaign.posts', description: 'the channel has no posts yet; post something first' }
        : {
            field: 'campaign.conditions',
            description: `none of the ${left} posts fulfils them; loosen them or choose other posts`,
          },
    ]);
  return {
    posts,
    newestPostId: found.reduce((newest, { postId }) => (postId > newest ? postId : newest), 0n),
    warnings: left > 0 ? [`${left} of the posts do not fulfil the conditions and are left out`] : [],
  };
}

async function namedPosts(
  { messaging }: Engagement,
  parent: Parent,
  { channel, admin_account_id: accountId }: Source,
  postIds: readonly number[],
): Promise<Post[]> {
  const actor = { actor: { case: 'accountId', value: accountId } } as const;
  const found: Post[] = [];
  for (let start = 0; start < postIds.length; start += PAGE) {
    const wanted = postIds.slice(start, start + PAGE).map(BigInt);
    const { posts } = await messaging.getPosts({ actor, channel, postIds: wanted }, { parent });
    found.push(...postsOf(posts));
  }
  const there = new Set(found.map(({ postId }) => Number(postId)));
  const missing = postIds.filter((id) => !there.has(id));
  if (missing.length > 0)
    throw new InvalidFields([
      {
        field: 'campaign.posts.post_ids',
        description: `the channel has no post ${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ` and ${missing.length - 5} more` : ''}; leave out what is gone`,
      },
    ]);
  return found;
}

/** The newest first: so many, or all above one. */
export async function newestPosts(
  { messaging }: Engagement,
  parent: Parent,
  { channel, admin_account_id: accountId }: Source,
  { most, above = 0n }: { most: number; above?: bigint },
): Promise<Post[]> {
  const actor = { actor: { case: 'accountId', value: accountId } } as const;
  const found: Post[] = [];
  for (let pageToken = '', page = 0; page < MOST_PAGES; page += 1) {
    // There are few new ones, if any.
    const pageSize = above > 0n && page === 0 ? FEW : Math.min(PAGE, Math.max(FEW, most));
    const answer = await messaging.getPosts({ actor, channel, pageSize, pageToken }, { parent });
    found.push(...postsOf(answer.posts));
    pageToken = answer.nextPageToken;
    const oldest = answer.posts.at(-1)?.messageId ?? 0n;
    if (pageToken === '' || found.length >= most || oldest <= above) break;
  }
  return found.filter(({ postId }) => postId > above).slice(0, most);
}

/** How many more actions of the kind each post gets, over all campaigns. */
export async function roomAt(
  executor: QueryExecutorProvider,
  place: { channel: string; kind: ActionKind; ceiling: number },
  postIds: readonly bigint[],
): Promise<Map<bigint, number>> {
  const { channel, kind, ceiling } = place;
  const { rows } = await sql<{ post_id: bigint; taken: number }>`
    select post_id, count(*)::int as taken from actions
    where channel = ${channel} and kind = ${kind} and post_id = any(${postIds.map(String)}::bigint[])
      and state in ('planned', 'running', 'done')
    group by post_id`.execute(executor);
  const taken = new Map(rows.map((row) => [row.post_id, row.taken]));
  return new Map(postIds.map((id) => [id, Math.max(0, ceiling - (taken.get(id) ?? 0))]));
}

import type { Message } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import { Api, wireLong } from '#lib/telegram/client.ts';
import type { LiveSession } from '../connections/live-session.ts';
import { messageOf } from '../messages.ts';
import { inputPeerOf, type PeerBook } from '../peers/book.ts';
import type { KnownPeer } from '../peers/store.ts';
import { pageOf, type Page } from './by-id.ts';

export interface HistoryPage {
  readonly messages: readonly Message[];
  /** Where the next page begins, itself included; undefined at the end. */
  readonly next: number | undefined;
}

export interface Stretch {
  readonly oldestFirst: boolean;
  /** Itself included; 0: from the end. */
  readonly from: number;
  readonly limit: number;
  /** The comments under this post, in the group where they stand. */
  readonly commentsOf?: number;
}

const TELEGRAM_MOST = 100;
const NO_HASH = wireLong(0n);

/** A page of a chat's messages, or of a post's comments, either way. */
export async function readHistory(
  book: PeerBook,
  session: LiveSession,
  peer: KnownPeer,
  { oldestFirst, from, limit, commentsOf }: Stretch,
): Promise<HistoryPage> {
  // One more than asked for, where Telegram gives so many: whether there is a next page.
  const wanted = Math.min(limit + 1, TELEGRAM_MOST);
  const offsetId = oldestFirst ? Math.max(from, 1) : from === 0 ? 0 : from + 1;
  const page = await ask(book, session, peer, {
    offsetId,
    addOffset: oldestFirst ? -wanted : 0,
    limit: wanted,
    commentsOf,
  });
  // Asked for newer ones than there are, Telegram fills the page with older ones.
  const there = oldestFirst
    ? page.messages.filter(({ id }) => id >= offsetId).toReversed()
    : page.messages.filter(({ id }) => from === 0 || id <= from);
  const shown = there.slice(0, limit);
  const last = shown.at(-1)?.id ?? 0;
  // A page as full as Telegram gives: perhaps there is more.
  const isFull = wanted === limit && there.length === limit;
  const behind = isFull ? last + (oldestFirst ? 1 : -1) : 0;
  const next = there[limit]?.id ?? behind;
  return {
    messages: shown.flatMap((one) => messageOf(one, page.entities, session.userId) ?? []),
    next: next > 0 ? next : undefined,
  };
}

async function ask(
  book: PeerBook,
  session: LiveSession,
  peer: KnownPeer,
  {
    commentsOf,
    ...where
  }: { offsetId: number; addOffset: number; limit: number; commentsOf?: number | undefined },
): Promise<Page> {
  const of = { peer: inputPeerOf(peer, session.userId), offsetDate: 0, maxId: 0, minId: 0, hash: NO_HASH };
  const request =
    commentsOf === undefined
      ? new Api.messages.GetHistory({ ...of, ...where })
      : new Api.messages.GetReplies({ ...of, ...where, msgId: commentsOf });
  return pageOf(
    await book.call<Api.messages.GetHistory | Api.messages.GetReplies>(session, request, { peer: peer.form }),
  );
}

import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Message } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { Api, wireLong } from '#lib/telegram/client.ts';
import type { LiveSession } from '../connections/live-session.ts';
import { messageOf } from '../messages.ts';
import { inputPeerOf, type PeerBook } from '../peers/book.ts';
import type { KnownPeer } from '../peers/store.ts';
import { pageOf } from './by-id.ts';
import { readDialog, readDialogs, type ReadDialog } from './dialogs.ts';

export interface UnreadPage {
  readonly messages: readonly Message[];
  readonly total: number;
  /** Empty at the end. */
  readonly next: string;
}

interface Parts {
  readonly book: PeerBook;
  readonly clock: Clock;
}

/** Chats that are looked at for unread messages: the most recent. */
const MOST_DIALOGS = 1_000;
const DIALOGS_AT_ONCE = 100;
const NO_HASH = wireLong(0n);

/** Unread messages of one chat or of all, the newest first; marks nothing as read. */
export async function readUnread(
  parts: Parts,
  session: LiveSession,
  { peer, after, limit }: { peer: KnownPeer | undefined; after: string; limit: number },
): Promise<UnreadPage> {
  const all = peer ? await only(parts, session, peer) : await recentDialogs(parts, session);
  const unread = all.filter(({ dialog }) => dialog.unreadCount > 0).toSorted((a, b) => b.date - a.date);
  const behind = after === '' ? undefined : placeOf(after);
  const found: Placed[] = [];
  for (const one of unread) {
    // Nothing in a chat is newer than its newest: the page is full without it.
    const last = found.length > limit ? found[limit] : undefined;
    if (last && one.date < last.date) break;
    found.push(...(await unreadIn(parts, session, one, { behind, limit: limit + 1 })));
    found.sort(newestFirst);
  }
  const shown = found.slice(0, limit);
  const end = shown.at(-1);
  return {
    messages: shown.map(({ message }) => message),
    total: unread.reduce((sum, { dialog }) => sum + dialog.unreadCount, 0),
    next: found.length > limit && end ? `${end.date}.${end.id}.${end.form}` : '',
  };
}

interface Place {
  readonly date: number;
  readonly id: number;
  readonly form: string;
}

interface Placed extends Place {
  readonly message: Message;
}

function newestFirst(a: Place, b: Place): number {
  return b.date - a.date || (a.form < b.form ? -1 : a.form > b.form ? 1 : b.id - a.id);
}

function placeOf(after: string): Place {
  const [date = '', id = '', form = ''] = after.split('.');
  return { date: Number(date), id: Number(id), form };
}

async function only(parts: Parts, session: LiveSession, peer: KnownPeer): Promise<ReadDialog[]> {
  const dialog = await readDialog(parts, session, inputPeerOf(peer, session.userId));
  return dialog ? [dialog] : [];
}

async function recentDialogs(parts: Parts, session: LiveSession): Promise<ReadDialog[]> {
  const all: ReadDialog[] = [];
  let after = '';
  do {
    const page = await readDialogs(parts, session, { after, limit: DIALOGS_AT_ONCE });
    all.push(...page.dialogs);
    after = page.next;
  } while (after !== '' && all.length < MOST_DIALOGS);
  return all;
}

/** Where a chat's messages behind a place begin: of one second, the chats come one after the other. */
function offsetBehind(form: string, behind: Place | undefined): { offsetId: number; offsetDate: number } {
  if (!behind) return { offsetId: 0, offsetDate: 0 };
  if (form === behind.form) return { offsetId: behind.id, offsetDate: 0 };
  return { offsetId: 0, offsetDate: form < behind.form ? behind.date : behind.date + 1 };
}

async function unreadIn(
  { book }: Parts,
  session: LiveSession,
  { form, readUpTo }: ReadDialog,
  { behind, limit }: { behind: Place | undefined; limit: number },
): Promise<Placed[]> {
  const peer = await book.resolve(session, { kind: 'form', form });
  const request = new Api.messages.GetHistory({
    peer: inputPeerOf(peer, session.userId),
    ...offsetBehind(form, behind),
    addOffset: 0,
    limit: Math.min(limit, 100),
    maxId: 0,
    minId: readUpTo,
    hash: NO_HASH,
  });
  const page = pageOf(await book.call(session, request, { peer: form }));
  return page.messages.flatMap((one) => {
    const message = messageOf(one, page.entities, session.userId);
    if (!message || message.outgoing || one.id <= readUpTo) return [];
    const placed = { date: timestampMs(message.sendTime!) / 1_000, id: one.id, form, message };
    return behind && newestFirst(behind, placed) >= 0 ? [] : [placed];
  });
}

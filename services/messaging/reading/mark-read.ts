import { Api } from '#lib/telegram/client.ts';
import type { LiveSession } from '../connections/live-session.ts';
import { inputChannelOf, inputPeerOf } from '../peers/book.ts';
import type { KnownPeer } from '../peers/store.ts';
import { readDialog } from './dialogs.ts';
import type { Reading } from './reading.ts';

/** Answers how many are unread then. What was read already stays read. */
export async function markRead(
  parts: Pick<Reading, 'book' | 'clock'>,
  session: LiveSession,
  peer: KnownPeer,
  upTo: number,
): Promise<number> {
  const input = inputPeerOf(peer, session.userId);
  const before = await readDialog(parts, session, input);
  const wanted = upTo === 0 ? (before?.topId ?? 0) : Math.min(upTo, before?.topId ?? upTo);
  if (!before || wanted <= before.readUpTo) return before?.dialog.unreadCount ?? 0;
  const channel = inputChannelOf(peer);
  const request = channel
    ? new Api.channels.ReadHistory({ channel, maxId: wanted })
    : new Api.messages.ReadHistory({ peer: input, maxId: wanted });
  await parts.book.call<Api.channels.ReadHistory | Api.messages.ReadHistory>(session, request, {
    peer: peer.form,
  });
  const after = await readDialog(parts, session, input);
  return after?.dialog.unreadCount ?? 0;
}

import { create } from '@bufbuild/protobuf';
import { DialogSchema, type Dialog } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { Api, wireLong } from '#lib/telegram/client.ts';
import type { LiveSession } from '../connections/live-session.ts';
import { formOf, messageOf, peerIn, type PeerForm } from '../messages.ts';
import { inputPeerOf, type PeerBook } from '../peers/book.ts';
import { isPeerForm } from '../peers/target.ts';

/** A dialog, and what Telegram counts of it. */
export interface ReadDialog {
  readonly form: PeerForm;
  readonly dialog: Dialog;
  readonly readUpTo: number;
  readonly topId: number;
  /** Epoch seconds of the newest message; 0 in an empty chat. */
  readonly date: number;
}

export interface DialogPage {
  readonly dialogs: readonly ReadDialog[];
  /** Empty at the end. */
  readonly next: string;
}

const NO_HASH = wireLong(0n);

/** A page of an account's chats behind `after`, which an earlier page gave. */
export async function readDialogs(
  parts: { book: PeerBook; clock: Clock },
  session: LiveSession,
  { after, limit }: { after: string; limit: number },
): Promise<DialogPage> {
  const { date, id, form } = readOffset(after);
  const offsetPeer =
    form === undefined
      ? new Api.InputPeerEmpty()
      : inputPeerOf(await parts.book.resolve(session, { kind: 'form', form }), session.userId);
  const answer = await parts.book.call(
    session,
    new Api.messages.GetDialogs({
      offsetDate: date,
      offsetId: id,
      offsetPeer,
      limit,
      hash: NO_HASH,
      excludePinned: after !== '',
    }),
  );
  if (answer.className === 'messages.DialogsNotModified') return { dialogs: [], next: '' };
  const dialogs = dialogsIn(answer, session, parts.clock);
  const last = dialogs.at(-1);
  const isLast = answer.className === 'messages.Dialogs' || answer.dialogs.length < limit;
  return { dialogs, next: isLast || !last ? '' : `${last.date}.${last.topId}.${last.form}` };
}

type Listed = Pick<Api.messages.Dialogs, 'dialogs' | 'messages' | 'users' | 'chats'>;

export function dialogsIn(answer: Listed, session: LiveSession, clock: Clock): ReadDialog[] {
  const tops = new Map(
    answer.messages.flatMap((one) =>
      one.className === 'MessageEmpty' ? [] : [[`${formOf(one.peerId)} ${one.id}`, one] as const],
    ),
  );
  return answer.dialogs.flatMap((one) => {
    // A folder is no chat.
    if (one.className !== 'Dialog') return [];
    const form = formOf(one.peer);
    const top = tops.get(`${form} ${one.topMessage}`);
    const { muteUntil = 0 } = one.notifySettings;
    const dialog = create(DialogSchema, {
      peer: peerIn(answer, one.peer),
      unreadCount: one.unreadCount,
      lastMessage: top && messageOf(top, answer, session.userId),
      pinned: one.pinned === true,
      muted: 1_000 * muteUntil > clock.now(),
    });
    return [{ form, dialog, readUpTo: one.readInboxMaxId, topId: one.topMessage, date: top?.date ?? 0 }];
  });
}

function readOffset(after: string): { date: number; id: number; form: PeerForm | undefined } {
  const [date = '', id = '', form = ''] = after.split('.');
  return { date: Number(date), id: Number(id), form: isPeerForm(form) ? form : undefined };
}

/** One chat as the list would show it. */
export async function readDialog(
  parts: { book: PeerBook; clock: Clock },
  session: LiveSession,
  peer: Api.TypeInputPeer,
): Promise<ReadDialog | undefined> {
  const answer = await parts.book.call(
    session,
    new Api.messages.GetPeerDialogs({ peers: [new Api.InputDialogPeer({ peer })] }),
  );
  return dialogsIn(answer, session, parts.clock)[0];
}

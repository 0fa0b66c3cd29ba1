import { addEvent } from './box.ts';
import { peerTl, reactionsTl, Mentions } from './render.ts';
import type { Account, BoxEvent, Content, Dialog, PrivateMessage } from './state.ts';
import { pushAccount, updatesTl } from './updates.ts';
import { accountOf, type World } from './world.ts';

/** What a message says, before it has a number. */
export type Draft = Pick<Content, 'text' | 'entities' | 'media' | 'randomId'> & { replyTo: number };

export function contentOf(world: World, senderId: number, draft: Draft, date = world.now()): Content {
  const { text, entities, media, randomId } = draft;
  return { senderId, text, entities, media, randomId, date, editDate: undefined, reactions: [] };
}

export interface SentPrivately {
  mine: PrivateMessage;
  event: BoxEvent;
  /** The number on the receiver's side. */
  receiverId: number;
}

/** Sends to another account, or to oneself; each side gets its own number. */
export function sendPrivate(
  world: World,
  from: Account,
  to: Account,
  draft: Draft & { content?: Content },
  origin?: object,
): SentPrivately {
  const content = draft.content ?? contentOf(world, from.id, draft);
  const mine = put(from, to.id, content, true, draft.replyTo);
  const event = addEvent(from.box, { kind: 'new', id: mine.id }, world.now());
  if (draft.randomId !== 0n) rememberSent(from, draft.randomId, to.id, mine.id);
  let receiverId = mine.id;
  if (to !== from) {
    const answered = draft.replyTo === 0 ? undefined : from.messages.get(draft.replyTo);
    const theirs = put(to, from.id, content, false, answered?.twinId ?? 0);
    receiverId = theirs.id;
    theirs.twinId = mine.id;
    mine.twinId = theirs.id;
    const received = addEvent(to.box, { kind: 'new', id: theirs.id }, world.now());
    pushAccount(world, to, received);
  }
  pushAccount(world, from, event, origin);
  return { mine, event, receiverId };
}

const MOST_SENT_KEPT = 20_000;

export function rememberSent(account: Account, randomId: bigint, chat: number, id: number): void {
  account.sent.set(randomId, { chat, id });
  if (account.sent.size <= MOST_SENT_KEPT) return;
  for (const oldest of account.sent.keys()) {
    account.sent.delete(oldest);
    return;
  }
}

function put(
  account: Account,
  chat: number,
  content: Content,
  out: boolean,
  replyTo: number,
): PrivateMessage {
  const id = ++account.lastMessageId;
  const message: PrivateMessage = { id, chat, out, replyTo, content, twinId: 0, deleted: false };
  account.messages.set(id, message);
  const dialog = dialogOf(account, chat);
  dialog.ids.push(id);
  if (!out) dialog.unread += 1;
  return message;
}

export function dialogOf(account: Account, chat: number): Dialog {
  let dialog = account.dialogs.get(chat);
  if (!dialog) {
    dialog = { chat, ids: [], readInboxMaxId: 0, readOutboxMaxId: 0, unread: 0 };
    account.dialogs.set(chat, dialog);
  }
  return dialog;
}

/** Both sides of a message, each with its owner. */
function sides(world: World, owner: Account, message: PrivateMessage): [Account, PrivateMessage][] {
  const both: [Account, PrivateMessage][] = [[owner, message]];
  const other = accountOf(world, message.chat);
  const twin = message.twinId === 0 ? undefined : other.messages.get(message.twinId);
  if (twin) both.push([other, twin]);
  return both;
}

export function editPrivate(
  world: World,
  owner: Account,
  message: PrivateMessage,
  change: Pick<Content, 'text' | 'entities'>,
  origin?: object,
): BoxEvent {
  Object.assign(message.content, change, { editDate: world.now() });
  let own: BoxEvent | undefined;
  for (const [account, side] of sides(world, owner, message)) {
    const event = addEvent(account.box, { kind: 'edit', id: side.id }, world.now());
    pushAccount(world, account, event, account === owner ? origin : undefined);
    own ??= event;
  }
  return own!;
}

/** Deletes for both sides, or for the owner alone; numbers that are not there are passed over. */
export function deletePrivate(
  world: World,
  owner: Account,
  ids: readonly number[],
  options: { revoke: boolean; origin?: object },
): { event: BoxEvent | undefined; count: number } {
  const gone = new Map<Account, number[]>();
  for (const id of new Set(ids)) {
    const message = owner.messages.get(id);
    if (!message || message.deleted) continue;
    for (const [account, side] of options.revoke
      ? sides(world, owner, message)
      : [[owner, message] as const]) {
      if (side.deleted) continue;
      side.deleted = true;
      const dialog = dialogOf(account, side.chat);
      if (!side.out && side.id > dialog.readInboxMaxId) dialog.unread -= 1;
      const list = gone.get(account);
      if (list) list.push(side.id);
      else gone.set(account, [side.id]);
    }
  }
  let event: BoxEvent | undefined;
  for (const [account, deleted] of gone) {
    const made = addEvent(account.box, { kind: 'delete', ids: deleted }, world.now(), deleted.length);
    pushAccount(world, account, made, account === owner ? options.origin : undefined);
    if (account === owner) event = made;
  }
  return { event, count: gone.get(owner)?.length ?? 0 };
}

/** Marks as read up to a number; 0 is all. Undefined when nothing changed. */
export function readPrivate(
  world: World,
  account: Account,
  chat: number,
  upTo: number,
  origin?: object,
): BoxEvent | undefined {
  const dialog = account.dialogs.get(chat);
  const last = dialog?.ids.at(-1);
  if (!dialog || last === undefined) return undefined;
  const maxId = upTo === 0 ? last : Math.min(upTo, last);
  if (maxId <= dialog.readInboxMaxId) return undefined;
  dialog.readInboxMaxId = maxId;
  let unread = 0;
  let newestRead: PrivateMessage | undefined;
  for (const id of dialog.ids.toReversed()) {
    const message = account.messages.get(id)!;
    if (message.out || message.deleted) continue;
    if (id > maxId) unread += 1;
    else {
      newestRead = message;
      break;
    }
  }
  dialog.unread = unread;
  const event = addEvent(account.box, { kind: 'readInbox', chat, maxId, unread }, world.now());
  pushAccount(world, account, event, origin);
  if (newestRead && newestRead.twinId !== 0)
    tellRead(world, accountOf(world, chat), account.id, newestRead.twinId);
  return event;
}

function tellRead(world: World, sender: Account, reader: number, maxId: number): void {
  const dialog = dialogOf(sender, reader);
  if (maxId <= dialog.readOutboxMaxId) return;
  dialog.readOutboxMaxId = maxId;
  pushAccount(world, sender, addEvent(sender.box, { kind: 'readOutbox', chat: reader, maxId }, world.now()));
}

/** Sets or, with an empty emoji, takes away a reaction. True when that changed something. */
export function react(world: World, content: Content, accountId: number, emoji: string): boolean {
  const before = content.reactions.findIndex((one) => one.accountId === accountId);
  if ((content.reactions[before]?.emoji ?? '') === emoji) return false;
  if (before !== -1) content.reactions.splice(before, 1);
  if (emoji !== '') content.reactions.push({ accountId, emoji, date: world.now() });
  return true;
}

export function pushPrivateReaction(
  world: World,
  owner: Account,
  message: PrivateMessage,
  origin?: object,
): void {
  for (const [account, side] of sides(world, owner, message)) {
    world.push(
      account.id,
      () =>
        updatesTl(
          world,
          account,
          [privateReactionTl(account, side)],
          new Mentions().add(owner.id, message.chat),
        ),
      account === owner ? origin : undefined,
    );
  }
}

export function privateReactionTl(viewer: Account, message: PrivateMessage): { _: string } {
  const reactions = reactionsTl(viewer, message.content, true);
  return { _: 'updateMessageReactions', peer: peerTl(message.chat), msg_id: message.id, reactions } as {
    _: string;
  };
}

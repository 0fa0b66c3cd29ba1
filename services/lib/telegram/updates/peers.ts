import type { Api } from '../client.ts';
import { native } from './counters.ts';
import type { Entities } from './notice.ts';

/** Ids kept a session, the oldest giving way: only short forms ask for them. */
const MOST_KNOWN = 1_000;

/** The people and groups that a session was shown in full. Nothing is held for a session that was shown nobody. */
export class KnownPeers {
  readonly #selfId: bigint;
  #ids: Set<string> | undefined;

  constructor(selfId: bigint) {
    this.#selfId = selfId;
  }

  learn({ users, chats }: Entities): void {
    for (const user of users) if (user.className === 'User' && !user.min) this.#add(`u${user.id.toString()}`);
    for (const chat of chats) {
      if (chat.className === 'Channel' ? !chat.min : chat.className === 'Chat')
        this.#add(`c${chat.id.toString()}`);
    }
  }

  #add(key: string): void {
    this.#ids ??= new Set();
    this.#ids.delete(key);
    this.#ids.add(key);
    if (this.#ids.size <= MOST_KNOWN) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      return;
    }
  }

  /**
   * Whether a message speaks of somebody that neither came along nor is known: Telegram's rule is to fetch the
   * difference then, which brings them. A sender that came as min is enough (a message vouches for it); a chat is not.
   */
  misses(update: Api.TypeUpdate, came: Entities): boolean {
    if (update.className !== 'UpdateNewMessage' && update.className !== 'UpdateNewChannelMessage')
      return false;
    const { peerId, fromId } = update.message as Api.Message;
    return this.#lacks(peerId, came, false) || this.#lacks(fromId, came, true);
  }

  #lacks(peer: Api.TypePeer | undefined, { users, chats }: Entities, minWillDo: boolean): boolean {
    if (!peer) return false;
    const isUser = peer.className === 'PeerUser';
    const id = isUser ? peer.userId : peer.className === 'PeerChat' ? peer.chatId : peer.channelId;
    if (isUser && native(id) === this.#selfId) return false;
    if (this.#ids?.has(`${isUser ? 'u' : 'c'}${id.toString()}`)) return false;
    const came: readonly (Api.TypeUser | Api.TypeChat)[] = isUser ? users : chats;
    return !came.some((one) => one.id.equals(id) && (minWillDo || !('min' in one && one.min)));
  }
}

/** The access hash that a full constructor of a channel brings. */
export function channelHashes({ chats }: Entities): Map<bigint, bigint> | undefined {
  let found: Map<bigint, bigint> | undefined;
  for (const chat of chats) {
    if (chat.className !== 'Channel' || chat.min || !chat.accessHash) continue;
    found ??= new Map();
    found.set(native(chat.id), native(chat.accessHash));
  }
  return found;
}

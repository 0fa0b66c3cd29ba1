import { TelegramRefused } from '#lib/telegram/errors.ts';
import type { LiveSession } from '../connections/live-session.ts';
import type { PeerBook } from './book.ts';
import { PeerNeverSeen } from './errors.ts';
import type { KnownPeer } from './store.ts';
import type { Target } from './target.ts';

/** Telegram does not take what was remembered. */
const NOT_TAKEN: ReadonlySet<string> = new Set([
  'PEER_ID_INVALID',
  'USER_ID_INVALID',
  'CHANNEL_INVALID',
  'CHAT_ID_INVALID',
]);

export function isNotTaken(error: unknown): boolean {
  return error instanceof TelegramRefused && NOT_TAKEN.has(error.telegramError.type);
}

/** Does `work` with the peer; one that Telegram does not take is forgotten, and a name is asked for anew, once. */
export async function withPeer<T>(
  book: PeerBook,
  session: LiveSession,
  target: Target,
  work: (peer: KnownPeer) => Promise<T>,
): Promise<T> {
  const peer = await book.resolve(session, target);
  try {
    return await work(peer);
  } catch (error) {
    if (!isNotTaken(error)) throw error;
    await book.forget(session, peer);
    if (target.kind === 'form') throw new PeerNeverSeen(target.form);
  }
  return work(await book.resolve(session, target, { fresh: true }));
}

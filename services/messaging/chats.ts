import type { Piece } from './housekeeping.ts';
import type { Messaging } from './messaging.ts';
import { createPeerBook, type PeerBook } from './peers/book.ts';
import { pruneNames } from './peers/store.ts';
import type { MessagingHandlers } from './routes.ts';
import { FETCH_RULES } from './sending/fetch.ts';
import { createSends } from './sending/once.ts';
import { sendingRoutes } from './sending/routes.ts';
import type { Sending } from './sending/sending.ts';
import { pruneSends } from './sending/store.ts';

/** What accounts do in chats: sending, reading, engaging, and whom they know there. */
export interface Chats {
  readonly handlers: Partial<MessagingHandlers>;
  /** Taught by updates too. */
  readonly book: PeerBook;
  readonly housekeeping: readonly Piece[];
}

export function openChats(messaging: Messaging): Chats {
  const { database } = messaging;
  const book = createPeerBook(messaging);
  const sending: Sending = { ...messaging, book, sends: createSends(messaging), fetchRules: FETCH_RULES };
  return {
    handlers: sendingRoutes(sending),
    book,
    housekeeping: [(rows) => pruneSends(database.kysely, rows), (rows) => pruneNames(database.kysely, rows)],
  };
}

import { engagingRoutes } from './engaging/routes.ts';
import type { Piece } from '#lib/service/housekeeping.ts';
import type { Messaging } from './messaging.ts';
import { createPeerBook, type PeerBook } from './peers/book.ts';
import { peerRoutes } from './peers/routes.ts';
import { pruneNames } from './peers/store.ts';
import { readingRoutes } from './reading/routes.ts';
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

export interface ChatSettings {
  /** Comments and reactions that one post gets, each. */
  readonly postCeiling: number;
}

export function openChats(messaging: Messaging, { postCeiling }: ChatSettings): Chats {
  const { database } = messaging;
  const book = createPeerBook(messaging);
  const sending: Sending = {
    ...messaging,
    book,
    sends: createSends(messaging),
    fetchRules: FETCH_RULES,
    postCeiling,
  };
  return {
    handlers: {
      ...sendingRoutes(sending),
      ...readingRoutes(sending),
      ...peerRoutes(sending),
      ...engagingRoutes(sending),
    },
    book,
    housekeeping: [(rows) => pruneSends(database.kysely, rows), (rows) => pruneNames(database.kysely, rows)],
  };
}

import type { Messaging } from '../messaging.ts';
import type { PeerBook } from '../peers/book.ts';

/** What reading stands on. */
export interface Reading extends Messaging {
  readonly book: PeerBook;
}

import type { Messaging } from '../messaging.ts';
import type { PeerBook } from '../peers/book.ts';
import type { FetchRules } from './fetch.ts';
import type { Sends } from './once.ts';

/** What sending stands on. */
export interface Sending extends Messaging {
  readonly book: PeerBook;
  readonly sends: Sends;
  readonly fetchRules: FetchRules;
  /** Comments and reactions that one post gets, each. */
  readonly postCeiling: number;
}

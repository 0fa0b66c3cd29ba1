import type { Api } from '../client.ts';

export interface Entities {
  readonly users: readonly Api.TypeUser[];
  readonly chats: readonly Api.TypeChat[];
}

/** The account's own counters, or those of one channel. */
export type Scope = 'account' | bigint;

export interface OrderedUpdate {
  readonly kind: 'update';
  /** Counters in it may be 0: one that a difference brought has none of its own. */
  readonly update: Api.TypeUpdate;
  /** The people and chats that came along with it. */
  readonly entities: Entities;
  /** `own` is what a call of this session did. */
  readonly source: 'push' | 'own' | 'difference';
}

export type GapCause =
  | 'disconnected' // the session was away
  | 'slow-handler' // the buffer was full
  | 'too-long' // Telegram keeps no such old updates any more
  | 'state-refused' // Telegram does not know the counters that were kept
  | 'unreadable' // the difference holds what this layer can not read
  | 'unknown-channel' // it changed while away, and no counter of it was known
  | 'never-given' // the differences go on without what was announced
  | 'channel-gone'; // the account may not read it any more

/** A stretch that is not whole; what comes after it in the same scope is newer. */
export interface Gap {
  readonly kind: 'gap';
  readonly scope: Scope;
  readonly cause: GapCause;
  /**
   * `uncounted`: all that Telegram counts follows (messages, edits, deletions, reads of private chats); what it does
   * not count (reactions, typing) may be missing. `everything`: what lies between the counters is gone; read the
   * history anew.
   */
  readonly lost: 'uncounted' | 'everything';
  readonly fromPts: number;
  readonly toPts: number;
}

export type Notice = OrderedUpdate | Gap;

/** Where the session stands once a notice has been taken; what is saved is only ever what was taken. */
export type Mark =
  | {
      readonly scope: 'account';
      readonly pts: number;
      readonly qts: number;
      readonly seq: number;
      readonly date: number;
    }
  | { readonly scope: bigint; readonly pts: number; readonly accessHash: bigint }
  | { readonly scope: bigint; readonly gone: true };

import type { MessagingName } from '../history.ts';

/* What the history has besides, where the real messaging service is driven. Accounts are the mesh's ids. */

/** One attempt of a send. All attempts of a request have the same text, which no other request has. */
export interface SendEntry {
  kind: 'send';
  t: number;
  end: number;
  request: string;
  account: string;
  /** The recipient's account. */
  to: string;
  text: string;
  replica: number;
  under: 'account' | 'lease';
  outcome: 'ok' | 'failed' | 'unknown';
  reason?: string;
  /** As the sender numbers it; 0: sent, and it is not said which. */
  message?: number;
}

/** A request that was left without an acknowledgement when the run ended. */
export interface GivenUpEntry {
  kind: 'given-up';
  t: number;
  request: string;
  reason: string;
}

/** What a watcher was told. */
export interface ToldEntry {
  kind: 'told';
  t: number;
  watcher: string;
  stream: number;
  position: number;
  account: string;
  what: string;
  peer?: string;
  message?: number;
  text?: string;
  /** Of a connection's state, its name; of a gap, why. */
  says?: string;
}

/** A stream of a watcher: asked for, and over. */
export interface StreamEntry {
  kind: 'stream';
  t: number;
  end: number;
  watcher: string;
  stream: number;
  replica: number;
  /** Where it was to go on. */
  from: number | undefined;
  endedBy: 'us' | 'them';
  reason: string;
}

export interface WatcherEntry {
  kind: 'watcher';
  watcher: string;
  /** Accounts that it watches. */
  accounts: readonly string[];
}

/** A message as it stands at Telegram at the end, on an account's side. */
export interface MailEntry {
  kind: 'mail';
  account: string;
  /** As messaging names the chat. */
  peer: string;
  message: number;
  text: string;
  outgoing: boolean;
  /** By Telegram's clock, in whole seconds or finer. */
  at: number;
}

/** What a committed event of messaging says. */
export interface NewsEntry {
  kind: 'news';
  event: string;
  what: 'messageSent' | 'messageReceived';
  account: string;
  peer: string;
  message: number;
}

/** A process of messaging was killed. */
export interface KilledEntry {
  kind: 'killed';
  t: number;
  process: MessagingName;
}

/** A caller's lease, and how it ended for the caller. */
export interface LentEntry {
  kind: 'lent';
  t: number;
  session: string;
  end: 'released' | 'lost';
}

export interface AccountEntry {
  kind: 'account';
  account: string;
  session: string;
  user: string;
  isProxied: boolean;
}

export type MessagingEntry =
  | SendEntry
  | GivenUpEntry
  | ToldEntry
  | StreamEntry
  | WatcherEntry
  | MailEntry
  | NewsEntry
  | KilledEntry
  | LentEntry
  | AccountEntry;

import type {
  AccountState,
  AuthorizationEnd,
  ChannelKind,
  ChannelRole,
  LoginCodeKind,
} from '#gen/telegate/local_telegram/v1/world_pb.ts';
import type { TlObject } from '../codec/object.ts';

/*
 * All that the local Telegram knows, as plain data: maps, arrays, numbers, bigints and buffers, so that it can be
 * written to a file as it stands. Times are epoch milliseconds. A chat is a number: an account's id as it is, a
 * channel's below zero.
 */

export interface WorldState {
  version: 1;
  environment: string;
  privateKeyPem: string;
  /** What access hashes are made of. */
  hashSecret: bigint;
  nextAccountId: number;
  nextChannelId: number;
  nextFileId: bigint;
  accounts: Map<number, Account>;
  accountByPhone: Map<string, number>;
  /** Usernames in lower case, of accounts (positive) and channels (negative). */
  usernames: Map<string, number>;
  channels: Map<number, Channel>;
  keys: Map<string, KeyRecord>;
  files: Map<bigint, StoredFile>;
}

export interface Account {
  id: number;
  phone: string;
  firstName: string;
  lastName: string;
  username: string;
  password: Password | undefined;
  passwordHint: string;
  dataCenter: number;
  state: AccountState;
  premium: boolean;
  createTime: number;
  /** Telegram's own account, which sends login codes. */
  isService: boolean;
  box: Box;
  /** Messages of its private chats, by its own numbering. */
  messages: Map<number, PrivateMessage>;
  lastMessageId: number;
  dialogs: Map<number, Dialog>;
  channels: Set<number>;
  /** What was sent with which random_id: the chat and the number there. */
  sent: Map<bigint, { chat: number; id: number; scheduled?: boolean }>;
  scheduled: Map<number, ScheduledMessage>;
  lastScheduledId: number;
}

export interface Password {
  text: string;
  salt1: Buffer;
  salt2: Buffer;
}

/** The common part of the updates that a client can ask for later: its counter, and what raised it. */
export interface Box {
  pts: number;
  events: BoxEvent[];
  /** When it last rose. */
  time: number;
}

export type BoxEvent = { pts: number; count: number } & (
  | { kind: 'new' | 'edit'; id: number }
  | { kind: 'delete'; ids: number[] }
  | { kind: 'readInbox'; chat: number; maxId: number; unread: number }
  | { kind: 'readOutbox'; chat: number; maxId: number }
);

/** What both sides of a private chat share. */
export interface Content {
  senderId: number;
  text: string;
  entities: readonly TlObject[] | undefined;
  date: number;
  editDate: number | undefined;
  media: Media | undefined;
  /** In the order they reacted. */
  reactions: Reaction[];
  randomId: bigint;
}

export interface Reaction {
  accountId: number;
  emoji: string;
  date: number;
}

export interface Media {
  kind: 'photo' | 'document';
  fileId: bigint;
  size: number;
  mimeType: string;
  name: string;
}

export interface PrivateMessage {
  id: number;
  /** The other account. */
  chat: number;
  out: boolean;
  replyTo: number;
  content: Content;
  /** Its number on the other side. */
  twinId: number;
  deleted: boolean;
}

export interface Dialog {
  chat: number;
  /** Numbers of its messages, rising; those deleted too. */
  ids: number[];
  readInboxMaxId: number;
  readOutboxMaxId: number;
  unread: number;
}

export interface ScheduledMessage {
  id: number;
  chat: number;
  dueTime: number;
  replyTo: number;
  content: Content;
}

export interface ChannelMessage {
  id: number;
  content: Content;
  /** Signed by its channel. */
  isPost: boolean;
  replyTo: number;
  /** In a discussion group, the message that the thread hangs on. */
  threadId: number;
  /** In a discussion group, the post that Telegram copied here. */
  copyOf: { channelId: number; postId: number } | undefined;
  /** Of a post, its copy in the discussion group. */
  discussionId: number;
  views: number;
  deleted: boolean;
}

export interface Member {
  accountId: number;
  role: ChannelRole;
  rights: Rights | undefined;
  joinTime: number;
  readInboxMaxId: number;
  lastWriteTime: number;
}

export interface Rights {
  postMessages: boolean;
  editMessages: boolean;
  deleteMessages: boolean;
  changeInfo: boolean;
  banUsers: boolean;
  inviteUsers: boolean;
  pinMessages: boolean;
  addAdmins: boolean;
}

export interface Channel {
  id: number;
  kind: ChannelKind;
  title: string;
  username: string;
  about: string;
  creatorId: number;
  linkedId: number;
  reactions: { all: boolean; emoji: string[] };
  slowModeSeconds: number;
  members: Map<number, Member>;
  /** Of those, how many are in it: neither left nor banned. */
  memberCount: number;
  box: Box;
  /** Rising; deleted ones stay. `messages[id - 1]`. */
  messages: ChannelMessage[];
  /** Comments under each message that has some. */
  threads: Map<number, number[]>;
  createTime: number;
  deleted: boolean;
}

export interface KeyRecord {
  /** The eight bytes as on the wire, in hexadecimal. */
  id: string;
  idBytes: Buffer;
  key: Buffer;
  dataCenter: number;
  firstSalt: bigint;
  createSeconds: number;
  authorization: AuthorizationRecord | undefined;
  /** Its code was right and the password is missing. */
  passwordPendingFor: number;
  /** The QR token it waits for. */
  loginToken: string;
  layer: number;
  device: string;
  apiId: number;
}

export interface AuthorizationRecord {
  accountId: number;
  createTime: number;
  lastCallTime: number | undefined;
  end: AuthorizationEnd;
  endTime: number | undefined;
  /** Carried over from another data centre. */
  imported: boolean;
}

export interface StoredFile {
  id: bigint;
  bytes: Buffer;
  date: number;
  mimeType: string;
  name: string;
}

export interface LoginCode {
  phone: string;
  code: string;
  hash: string;
  kind: LoginCodeKind;
  sendTime: number;
  expireTime: number;
  wrongAttempts: number;
  keyId: string;
  used: boolean;
}

/** Telegram's own account, which sends login codes. */
export const SERVICE_ACCOUNT_ID = 777_000;

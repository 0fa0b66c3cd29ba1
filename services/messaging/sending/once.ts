import { randomBytes } from 'node:crypto';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { MessageSchema, type Message } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import { createBatcher } from '#lib/batching/batcher.ts';
import { transaction, withRetry } from '#lib/postgres/transaction.ts';
import { Cancelled, DeadlineExceeded, RequestIdReused } from '#lib/rpc/errors.ts';
import { TelegramRefused } from '#lib/telegram/errors.ts';
import { verdictOf, type TelegramError } from '#lib/telegram/rpc-errors.ts';
import { tellEvents } from '../events.ts';
import type { Messaging } from '../messaging.ts';
import { isNotTaken } from '../peers/with-peer.ts';
import {
  beginSends,
  endSends,
  findSend,
  REFUSED,
  SENT,
  type EndedSend,
  type NewSend,
  type SendKey,
  type SendRow,
} from './store.ts';

/** What a send is done with. */
export interface Attempt {
  /** The same at every attempt: Telegram takes it once. */
  readonly randomId: bigint;
  /** An attempt before this one ended without anybody knowing how. */
  readonly isRepeat: boolean;
  /** When it was first asked for. */
  readonly firstTime: Date;
}

export interface Sends {
  /**
   * Does `work` unless its request has a result, and keeps the result. Whatever happens between its row and its
   * result leaves it unknown, and then a repeat does `work` with the same random_id: a send is never guessed.
   */
  once(key: SendKey, work: (attempt: Attempt) => Promise<Message>): Promise<Message>;
  /** The result of a request that was sent, without doing anything. */
  result(key: Omit<SendKey, 'sessionId' | 'accountId'>): Promise<Message | undefined>;
}

const BATCH = 256;

export function createSends({
  database,
  clock,
  wakeRelay,
}: Pick<Messaging, 'database' | 'clock' | 'wakeRelay'>): Sends {
  const running = new Map<string, { key: SendKey; result: Promise<Message> }>();

  const beginner = createBatcher<NewSend, SendRow>({
    name: 'sends begin',
    maxItems: BATCH,
    gatherMs: 0,
    clock,
    run: (items) => withRetry(() => beginSends(database.kysely, items)),
  });

  const ender = createBatcher<EndedSend, void>({
    name: 'sends end',
    maxItems: BATCH,
    gatherMs: 0,
    clock,
    async run(items) {
      await transaction(database, async (trx) => {
        const ended = await endSends(trx, items);
        const sent = items.filter(({ randomId, state }) => state === SENT && ended.has(randomId));
        await tellEvents(
          trx,
          sent.map(({ key: { tenantId, accountId, sessionId }, peer, messageId }) => ({
            tenantId,
            entityId: accountId === '' ? String(sessionId) : accountId,
            payload: { case: 'messageSent', value: { accountId, peer, messageId } },
          })),
        );
      });
      wakeRelay();
      return items.map(() => undefined);
    },
  });

  async function attempt(key: SendKey, work: (attempt: Attempt) => Promise<Message>): Promise<Message> {
    const own = newRandomId();
    const row = await beginner.submit({ key, randomId: own });
    checkSame(key, row);
    if (row.state === SENT) return fromBinary(MessageSchema, row.answer!);
    if (row.state === REFUSED) throw refusalOf(row.answer!);
    const { random_id: randomId, create_time: firstTime } = row;
    const isRepeat = randomId !== own;
    let message: Message;
    try {
      message = await work({ randomId, isRepeat, firstTime });
    } catch (error) {
      // After an attempt that nobody knows the end of, a refusal says nothing about that one.
      if (!isRepeat && isFinal(error))
        await ender.submit({ key, randomId, state: REFUSED, peer: '', messageId: 0n, answer: kept(error) });
      throw error;
    }
    const peer = message.peer?.peer ?? '';
    const answer = toBinary(MessageSchema, message);
    await ender.submit({ key, randomId, state: SENT, peer, messageId: message.messageId, answer });
    return message;
  }

  return {
    async once(key, work) {
      const name = `${key.principal} ${key.method} ${key.requestId}`;
      for (;;) {
        const first = running.get(name);
        if (!first) break;
        if (!Buffer.from(first.key.bodyHash).equals(key.bodyHash)) throw new RequestIdReused(key.requestId);
        try {
          return await first.result;
        } catch (error) {
          // The first caller's patience is not this one's.
          if (!(error instanceof DeadlineExceeded || error instanceof Cancelled)) throw error;
        }
      }
      const result = attempt(key, work);
      running.set(name, { key, result });
      try {
        return await result;
      } finally {
        running.delete(name);
      }
    },

    async result(key) {
      const row = await withRetry(() => findSend(database.kysely, key));
      if (row?.state !== SENT) return undefined;
      if (!row.body_hash.equals(key.bodyHash)) throw new RequestIdReused(key.requestId);
      return fromBinary(MessageSchema, row.answer!);
    },
  };
}

/** A request belongs to one body and one account: the account may have another session meanwhile. */
function checkSame(key: SendKey, row: SendRow): void {
  const isSameAccount =
    row.session_id === key.sessionId || (key.accountId !== '' && row.account_id === key.accountId);
  if (!row.body_hash.equals(key.bodyHash) || !isSameAccount) throw new RequestIdReused(key.requestId);
}

/** Telegram's last word on it; what may be otherwise tomorrow, or by another name of the peer, is not. */
function isFinal(error: unknown): error is TelegramRefused {
  return error instanceof TelegramRefused && error.verdict.kind === 'refused' && !isNotTaken(error);
}

function kept({ telegramError }: TelegramRefused): Uint8Array {
  return Buffer.from(JSON.stringify(telegramError));
}

function refusalOf(answer: Buffer): TelegramRefused {
  const error = JSON.parse(answer.toString()) as TelegramError;
  return new TelegramRefused(error, verdictOf(error));
}

/** 0 is none to Telegram. */
function newRandomId(): bigint {
  const drawn = randomBytes(8).readBigInt64LE();
  return drawn === 0n ? 1n : drawn;
}

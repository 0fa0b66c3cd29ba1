import type { TlObject } from '../codec/object.ts';
import { packMessage } from '../crypto/message.ts';
import { encode } from '../tl.ts';
import type { KeyRecord } from '../world/state.ts';
import { MessageIds } from './message-ids.ts';
import { Received } from './received.ts';
import { saltAt } from './salts.ts';
import { rpcResult } from './wire.ts';

/** What a session writes to. */
export interface Wire {
  readonly isOpen: boolean;
  /** The time that this client shall see, epoch milliseconds. */
  clientNow(): number;
  writePacket(packet: Buffer): boolean;
}

interface Outgoing {
  seqno: number;
  body: Buffer;
  isAnswer: boolean;
}

export type CallState = 'running' | 'done' | 'failed';

/** What is kept of messages that were not acknowledged, and of calls that others may name. */
const MOST_KEPT = 512;
const ACK_AFTER_MS = 1_000;

/** One MTProto session: a client's numbering of its messages under a key, on whichever connection it is now. */
export class MtSession {
  readonly id: bigint;
  readonly idText: string;
  readonly key: KeyRecord;
  readonly received = new Received();
  /** Whether the client has asked for updates by making a call outside invokeWithoutUpdates. */
  wantsUpdates = false;
  wire: Wire | undefined;
  readonly calls: Map<bigint, CallState> = new Map();
  readonly #ids = new MessageIds();
  readonly #unacked = new Map<bigint, Outgoing>();
  readonly #answers = new Map<bigint, bigint>();
  readonly #waiters = new Map<bigint, ((state: CallState) => void)[]>();
  readonly #random: (size: number) => Buffer;
  readonly #setTimer: (ms: number, fire: () => void) => unknown;
  #contentSent = 0;
  #toAck: bigint[] = [];
  #ackTimerRuns = false;
  #wasAttached = false;

  constructor(options: {
    id: bigint;
    idText: string;
    key: KeyRecord;
    random: (size: number) => Buffer;
    setTimer: (ms: number, fire: () => void) => unknown;
  }) {
    this.id = options.id;
    this.idText = options.idText;
    this.key = options.key;
    this.#random = options.random;
    this.#setTimer = options.setTimer;
  }

  /** Moves to a connection; what the client has not acknowledged is sent there again. */
  attach(wire: Wire): void {
    if (this.wire === wire) return;
    this.wire = wire;
    const isFirst = !this.#wasAttached;
    this.#wasAttached = true;
    if (isFirst) return;
    for (const [id, message] of this.#unacked) this.#write(id, message);
  }

  detach(wire: Wire): void {
    if (this.wire === wire) this.wire = undefined;
  }

  /** An answer to a service message, or a notice that needs no acknowledgement. */
  sendService(body: Buffer, isAnswer = true): void {
    this.#send(body, { isContent: false, isAnswer });
  }

  /** A message that the client must acknowledge. False when there is no connection for it now. */
  sendContent(body: Buffer): boolean {
    return this.wire === undefined ? false : this.#send(body, { isContent: true, isAnswer: false });
  }

  /** The packet of an answer, for faults that tear it up. */
  packAnswer(requestId: bigint, body: Buffer): Buffer {
    const { id, message } = this.#keep(body, { isContent: true, isAnswer: true });
    this.#answers.set(requestId, id);
    trim(this.#answers);
    return this.#pack(id, message);
  }

  /** An answer that the client gets again if it asks again. */
  sendAnswer(requestId: bigint, body: Buffer): boolean {
    this.#toAck = this.#toAck.filter((id) => id !== requestId);
    const packet = this.packAnswer(requestId, body);
    return this.wire?.writePacket(packet) ?? false;
  }

  /** The answer to a service message that comes as the result of a call. */
  sendAnswerOf(requestId: bigint, result: TlObject): void {
    this.sendAnswer(requestId, rpcResult(requestId, encode(result)));
  }

  /** A message came a second time: its answer is sent again if it is still there. */
  answerAgain(requestId: bigint): void {
    const id = this.#answers.get(requestId);
    const message = id === undefined ? undefined : this.#unacked.get(id);
    if (message) this.#write(id!, message);
    else this.acknowledge(requestId);
  }

  /** Forgets an answer; what the client is told of it. */
  dropAnswer(requestId: bigint): { _: string; [field: string]: unknown } {
    const state = this.calls.get(requestId);
    if (state === 'running') return { _: 'rpc_answer_dropped_running' };
    const id = this.#answers.get(requestId);
    const message = id === undefined ? undefined : this.#unacked.get(id);
    if (!message) return { _: 'rpc_answer_unknown' };
    this.#unacked.delete(id!);
    return { _: 'rpc_answer_dropped', msg_id: id, seq_no: message.seqno, bytes: message.body.length };
  }

  resend(ids: readonly bigint[]): bigint[] {
    const missing: bigint[] = [];
    for (const id of ids) {
      const message = this.#unacked.get(id);
      if (message) this.#write(id, message);
      else missing.push(id);
    }
    return missing;
  }

  acknowledged(ids: readonly bigint[]): void {
    for (const id of ids) this.#unacked.delete(id);
  }

  /** Acknowledges a message, by its answer or, when that takes long, by itself. */
  acknowledge(id: bigint): void {
    this.#toAck.push(id);
    if (this.#toAck.length >= 64) this.#flushAcks();
    else if (!this.#ackTimerRuns) {
      this.#ackTimerRuns = true;
      this.#setTimer(ACK_AFTER_MS, () => {
        this.#ackTimerRuns = false;
        this.#flushAcks();
      });
    }
  }

  callBegan(id: bigint): void {
    this.calls.set(id, 'running');
    trim(this.calls);
  }

  callEnded(id: bigint, state: CallState): void {
    if (this.calls.has(id)) this.calls.set(id, state);
    const waiters = this.#waiters.get(id);
    if (!waiters) return;
    this.#waiters.delete(id);
    for (const waiter of waiters) waiter(state);
  }

  /** How a call ended, once it has; undefined for one that never came. */
  outcomeOf(id: bigint): Promise<CallState> | undefined {
    const state = this.calls.get(id);
    if (state === undefined) return undefined;
    if (state !== 'running') return Promise.resolve(state);
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(id);
      if (waiters) waiters.push(resolve);
      else this.#waiters.set(id, [resolve]);
    });
  }

  #flushAcks(): void {
    const ids = this.#toAck.splice(0);
    if (ids.length > 0 && this.wire) this.sendService(encode({ _: 'msgs_ack', msg_ids: ids }), false);
  }

  #send(body: Buffer, kind: { isContent: boolean; isAnswer: boolean }): boolean {
    const { id, message } = this.#keep(body, kind);
    return this.#write(id, message);
  }

  #keep(body: Buffer, kind: { isContent: boolean; isAnswer: boolean }): { id: bigint; message: Outgoing } {
    const id = this.#ids.next(this.wire?.clientNow() ?? 0, kind.isAnswer);
    const seqno = 2 * this.#contentSent + (kind.isContent ? 1 : 0);
    const message = { seqno, body, isAnswer: kind.isAnswer };
    if (kind.isContent) {
      this.#contentSent += 1;
      this.#unacked.set(id, message);
      trim(this.#unacked);
    }
    return { id, message };
  }

  #write(id: bigint, message: Outgoing): boolean {
    return this.wire?.writePacket(this.#pack(id, message)) ?? false;
  }

  #pack(id: bigint, { seqno, body }: Outgoing): Buffer {
    const plain = Buffer.allocUnsafe(32 + body.length);
    plain.writeBigInt64LE(saltAt(this.key, Math.floor((this.wire?.clientNow() ?? 0) / 1_000)), 0);
    plain.writeBigInt64LE(this.id, 8);
    plain.writeBigInt64LE(id, 16);
    plain.writeInt32LE(seqno, 24);
    plain.writeUInt32LE(body.length, 28);
    body.copy(plain, 32);
    return packMessage(plain, { key: this.key.key, id: this.key.idBytes }, 'server', this.#random);
  }
}

/** Maps keep the order in which their entries came: the oldest goes. */
function trim(map: Map<bigint, unknown>): void {
  if (map.size <= MOST_KEPT) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}

import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '#lib/lifecycle/clock.ts';
import { CallAborted, CallTimedOut, CallUnreadable, LinkClosed, RawRpcError } from '../link.ts';
import type { CallLimits, LinkEnd } from '../link.ts';
import { settle, type Call } from './call.ts';
import { HEADER, makePlain, openMessage, sealMessage, type AuthKey } from './message-cipher.ts';
import { MessageIds, SeenIds } from './message-ids.ts';
import * as service from './service-messages.ts';
import type { Message } from './service-messages.ts';
import { TlReader } from './tl-bytes.ts';

/** Longer waits for an acknowledgement make the server send again what came. */
const ACK_DELAY_MS = 10_000;
const MOST_ACKS = 64;
const MOST_MESSAGES = 512;
const MOST_BYTES = 512 * 1024;
/** Salts and clocks are corrected at the first refusal; more than these mean that they can not be. */
const MOST_SENDS = 6;
const MESSAGE_ID_TOO_LOW = 16;
const MESSAGE_ID_TOO_HIGH = 17;

export interface SessionPorts {
  readonly clock: Clock;
  write(packet: Buffer): void;
  /** An object that is no answer and no message of MTProto's own. */
  onObject(body: Buffer): void;
  /** The server has forgotten this session: what it sent meanwhile is lost. */
  onForgotten(): void;
  /** What came can not be gone on with. */
  onProtocolFault(): void;
}

export interface SessionStart {
  key: AuthKey;
  salt: bigint;
  offsetMs: number;
}

/** An MTProto session: messages out, answers in. Knows neither sockets nor what the calls mean. */
export class MtprotoSession {
  readonly #ports: SessionPorts;
  readonly #key: AuthKey;
  readonly #ids: MessageIds;
  readonly #seen = new SeenIds();
  readonly #sessionId = randomBytes(8).readBigInt64LE();
  readonly #pending = new Map<bigint, Call>();
  #salt: bigint;
  #contentMessages = 0;
  #queue: Call[] = [];
  #service: Buffer[] = [];
  #acks: bigint[] = [];
  #ackTimer: Timer | undefined;
  #flushes = false;
  #isGreeted = false;
  #end: LinkEnd | undefined;
  /** Telegram has taken initConnection. */
  isInitialised = false;

  constructor(ports: SessionPorts, { key, salt, offsetMs }: SessionStart) {
    this.#ports = ports;
    this.#key = key;
    this.#salt = salt;
    this.#ids = new MessageIds(ports.clock, offsetMs);
  }

  get pending(): number {
    return this.#pending.size + this.#queue.length;
  }

  call<T>(
    body: Buffer,
    options: { isFirst: boolean; read: (answer: Buffer) => unknown },
    limits: CallLimits,
  ): Promise<T> {
    if (this.#end) return Promise.reject(new LinkClosed(this.#end, false));
    const { signal, deadlineMs } = limits;
    if (signal?.aborted) return Promise.reject(new CallAborted(false));
    if (!(deadlineMs > 0)) return Promise.reject(new CallTimedOut(false));
    return new Promise<unknown>((resolve, reject) => {
      const call: Call = {
        id: 0n,
        containerId: 0n,
        sends: 0,
        body,
        isFirst: options.isFirst,
        read: options.read,
        resolve,
        reject,
        timer: undefined,
        signal,
        onAbort: undefined,
      };
      call.timer = this.#ports.clock.setTimer(deadlineMs, () => this.#giveUp(call, CallTimedOut));
      if (signal) {
        call.onAbort = () => this.#giveUp(call, CallAborted);
        signal.addEventListener('abort', call.onAbort, { once: true });
      }
      this.#queue.push(call);
      this.#flushSoon();
    }) as Promise<T>;
  }

  /** A packet of the server's. */
  receive(packet: Buffer): void {
    const plain = openMessage(packet, this.#key);
    if (!plain || plain.readBigInt64LE(8) !== this.#sessionId) return this.#ports.onProtocolFault();
    const message = {
      id: plain.readBigInt64LE(16),
      seqno: plain.readUInt32LE(24),
      body: plain.subarray(HEADER),
    };
    if (!this.#seen.add(message.id)) return this.#acknowledge(message);
    try {
      this.#take(message);
    } catch (error) {
      // A body that is cut off, or gzip that is none: it fits its key, so the server or we are at fault.
      if (!(error instanceof RangeError) && (error as NodeJS.ErrnoException).code === undefined) throw error;
      this.#ports.onProtocolFault();
    }
  }

  /** Every pending call settles; nothing is sent any more. */
  end(end: LinkEnd): void {
    if (this.#end) return;
    this.#end = end;
    this.#ackTimer?.cancel();
    const calls = [...this.#pending.values(), ...this.#queue];
    this.#pending.clear();
    this.#queue = [];
    for (const call of calls) {
      settle(call);
      call.reject(new LinkClosed(end, call.sends > 0));
    }
  }

  #giveUp(call: Call, Reason: typeof CallTimedOut | typeof CallAborted): void {
    settle(call);
    if (!this.#pending.delete(call.id)) this.#queue = this.#queue.filter((one) => one !== call);
    call.reject(new Reason(call.sends > 0));
  }

  #take(message: Message): void {
    const body = service.unpackGzip(message.body);
    const constructor = body.readUInt32LE();
    if (constructor === service.CONTAINER) {
      for (const inner of service.readContainer(body)) this.#take(inner);
      return;
    }
    this.#acknowledge(message);
    switch (constructor) {
      case service.RPC_RESULT:
        return this.#answered(body.readBigInt64LE(4), service.unpackGzip(body.subarray(12)));
      case service.PONG:
        return this.#settleWith(body.readBigInt64LE(4), body);
      case service.BAD_SERVER_SALT:
        this.#salt = body.readBigInt64LE(20);
        return this.#sendAgain(body.readBigInt64LE(4));
      case service.BAD_MSG_NOTIFICATION:
        return this.#refused(body.readBigInt64LE(4), body.readInt32LE(16), message.id);
      case service.NEW_SESSION_CREATED:
        this.#salt = body.readBigInt64LE(20);
        if (this.#isGreeted) this.#ports.onForgotten();
        this.#isGreeted = true;
        return;
      case service.MSG_DETAILED_INFO:
        return this.#fetch(body.readBigInt64LE(12), this.#pending.has(body.readBigInt64LE(4)));
      case service.MSG_NEW_DETAILED_INFO:
        return this.#fetch(body.readBigInt64LE(4), true);
      case service.MSGS_STATE_REQ:
        return this.#say(service.nothingKnown(message.id, service.readIds(body).length));
      case service.MSG_RESEND_REQ:
        for (const id of service.readIds(body)) this.#sendAgain(id);
        return;
      default:
        if (!service.IGNORED.has(constructor)) this.#ports.onObject(body);
    }
  }

  #answered(id: bigint, answer: Buffer): void {
    if (answer.readUInt32LE() !== service.RPC_ERROR) return this.#settleWith(id, answer);
    const call = this.#pending.get(id);
    if (!call) return;
    const reader = new TlReader(answer, 4);
    const error = new RawRpcError(reader.int32(), reader.bytes().toString());
    if (call.isFirst && !error.text.startsWith('CONNECTION_')) this.isInitialised = true;
    this.#pending.delete(id);
    settle(call);
    call.reject(error);
  }

  #settleWith(id: bigint, answer: Buffer): void {
    const call = this.#pending.get(id);
    if (!call) return;
    if (call.isFirst) this.isInitialised = true;
    this.#pending.delete(id);
    settle(call);
    try {
      call.resolve(call.read(answer));
    } catch (cause) {
      call.reject(new CallUnreadable('The answer of Telegram can not be read.', { cause }));
    }
  }

  #refused(id: bigint, code: number, serverMessageId: bigint): void {
    if (code !== MESSAGE_ID_TOO_LOW && code !== MESSAGE_ID_TOO_HIGH) return this.#ports.onProtocolFault();
    this.#ids.correct(serverMessageId);
    this.#sendAgain(id);
  }

  #sendAgain(id: bigint): void {
    const one = this.#pending.get(id);
    const calls = one ? [one] : [...this.#pending.values()].filter((call) => call.containerId === id);
    for (const call of calls) this.#pending.delete(call.id);
    if (calls.some((call) => call.sends >= MOST_SENDS)) {
      this.#queue.push(...calls);
      return this.#ports.onProtocolFault();
    }
    this.#queue.unshift(...calls);
    this.#flushSoon();
  }

  /** The server has an answer ready that it did not send. */
  #fetch(answerId: bigint, isWanted: boolean): void {
    if (isWanted) this.#say(service.askAgain(answerId));
    else this.#pushAck(answerId);
  }

  #acknowledge({ id, seqno }: Message): void {
    if ((seqno & 1) === 1) this.#pushAck(id);
  }

  #pushAck(id: bigint): void {
    this.#acks.push(id);
    if (this.#acks.length >= MOST_ACKS) this.#flushSoon();
    else this.#ackTimer ??= this.#ports.clock.setTimer(ACK_DELAY_MS, () => this.#flushSoon());
  }

  #say(body: Buffer): void {
    this.#service.push(body);
    this.#flushSoon();
  }

  /** What is asked for within one turn of the event loop goes out in one container. */
  #flushSoon(): void {
    if (this.#flushes || this.#end) return;
    this.#flushes = true;
    setImmediate(flushNow, this);
  }

  /** Called by the event loop alone. */
  flush(): void {
    this.#flushes = false;
    while (!this.#end && this.#queue.length + this.#service.length > 0) this.#sendBatch();
    if (!this.#end && this.#acks.length > 0) this.#sendBatch();
  }

  #sendBatch(): void {
    const calls: Call[] = [];
    const messages: Message[] = [];
    let size = 0;
    while (this.#queue.length > 0 && messages.length < MOST_MESSAGES) {
      const call = this.#queue[0]!;
      if (messages.length > 0 && size + call.body.length > MOST_BYTES) break;
      this.#queue.shift();
      call.id = this.#ids.next();
      call.sends += 1;
      this.#pending.set(call.id, call);
      calls.push(call);
      messages.push({ id: call.id, seqno: this.#contentSeqno(), body: call.body });
      size += service.sizeOf(call.body);
    }
    const notices = this.#service.splice(0, MOST_MESSAGES);
    if (this.#acks.length > 0) notices.push(service.acknowledge(this.#acks));
    this.#acks = [];
    this.#ackTimer?.cancel();
    this.#ackTimer = undefined;
    for (const body of notices) {
      messages.push({ id: this.#ids.next(), seqno: 2 * this.#contentMessages, body });
      size += service.sizeOf(body);
    }
    if (messages.length === 1) return this.#seal(messages[0]!);
    const body = Buffer.allocUnsafe(8 + size);
    body.writeUInt32LE(service.CONTAINER, 0);
    body.writeUInt32LE(messages.length, 4);
    let at = 8;
    for (const message of messages) at = service.writeMessage(body, at, message);
    const id = this.#ids.next();
    for (const call of calls) call.containerId = id;
    this.#seal({ id, seqno: 2 * this.#contentMessages, body });
  }

  #seal(message: Message): void {
    const plain = makePlain(HEADER + message.body.length);
    plain.writeBigInt64LE(this.#salt, 0);
    plain.writeBigInt64LE(this.#sessionId, 8);
    service.writeMessage(plain, 16, message);
    this.#ports.write(sealMessage(plain, this.#key));
  }

  #contentSeqno(): number {
    this.#contentMessages += 1;
    return 2 * this.#contentMessages - 1;
  }
}

function flushNow(session: MtprotoSession): void {
  session.flush();
}

import type { Socket } from 'node:net';
import { ConnectionEnd } from '#gen/telegate/local_telegram/v1/log_pb.ts';
import { AuthorizationEnd } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import type { Timer } from '#lib/lifecycle/clock.ts';
import { TlError } from './codec/object.ts';
import { unpackMessage } from './crypto/message.ts';
import { dispatch } from './dispatcher.ts';
import { ExchangeRefused, KeyExchange, KEY_UNKNOWN } from './exchange/exchange.ts';
import { durationMs, type FaultTarget } from './faults.ts';
import type { ConnectionRecord } from './log.ts';
import { receive, type InboundPorts } from './session/inbound.ts';
import { MessageIds } from './session/message-ids.ts';
import { saltAt } from './session/salts.ts';
import type { MtSession, Wire } from './session/session.ts';
import { isContainer, type InnerMessage } from './session/wire.ts';
import type { Telegram } from './telegram.ts';
import { encode } from './tl.ts';
import { FramingError } from './transport/framing.ts';
import { TransportStream } from './transport/transport.ts';
import type { KeyRecord } from './world/state.ts';

/** A client that does not read gets no more than this ahead. */
const MOST_UNREAD_BYTES = 64 * 1024 * 1024;

/** One client's TCP connection to a data centre. */
export class Connection implements Wire {
  readonly record: ConnectionRecord;
  readonly dataCenter: number;
  readonly #telegram: Telegram;
  readonly #socket: Socket;
  readonly #stream: TransportStream;
  readonly #exchange: KeyExchange;
  readonly #plainIds = new MessageIds();
  readonly #sessions = new Set<MtSession>();
  readonly #keys = new Map<string, KeyRecord>();
  #lastKey: KeyRecord | undefined;
  #end: ConnectionEnd = ConnectionEnd.UNSPECIFIED;
  #silent = false;
  #closed = false;
  #disconnect: Timer | undefined;

  constructor(telegram: Telegram, socket: Socket, dataCenter: number) {
    this.#telegram = telegram;
    this.#socket = socket;
    this.dataCenter = dataCenter;
    this.record = telegram.log.connectionOpened(
      dataCenter,
      `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`,
    );
    this.#stream = new TransportStream(telegram.random);
    this.#exchange = new KeyExchange({
      dataCenter,
      serverKey: telegram.serverKey,
      dh: telegram.dh,
      random: telegram.random,
      now: () => Math.floor(this.clientNow() / 1_000),
      hidesKey: () => telegram.faults.strike('unknownRsaKey', this.faultTarget()) !== undefined,
      isTaken: (id) => telegram.key(id.toString('hex')) !== undefined,
      onKey: (exchanged) => {
        const key = telegram.addKey(exchanged, dataCenter);
        const connectionIds = [this.record.id];
        telegram.log.key('keyCreated', { keyId: key.id, accountId: 0, dataCenter, connectionIds });
      },
    });
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('error', () => (this.#end ||= ConnectionEnd.CLIENT_RESET));
    socket.on('end', () => (this.#end ||= ConnectionEnd.CLIENT_CLOSED));
    socket.on('close', () => this.#ended());
  }

  get isOpen(): boolean {
    return !this.#closed && !this.#silent;
  }

  get clientAddress(): string {
    return this.#socket.remoteAddress ?? 'unknown';
  }

  clientNow(): number {
    const { faults, world } = this.#telegram;
    if (faults.isIdle) return world.now();
    const skew = faults.holds('clockSkew', this.faultTarget());
    const offset = skew?.spec.fault.case === 'clockSkew' ? skew.spec.fault.value.offset : undefined;
    return world.now() + (offset ? durationMs(offset) : 0);
  }

  faultTarget(): FaultTarget {
    const target: FaultTarget = { dataCenter: this.dataCenter, clientAddress: this.clientAddress };
    if (this.#lastKey) {
      target.keyId = this.#lastKey.id;
      const account = this.#telegram.accountOf(this.#lastKey);
      if (account) target.accountId = account.id;
    }
    return target;
  }

  holdsUpdates(session: MtSession): boolean {
    const { faults } = this.#telegram;
    if (faults.isIdle) return false;
    return faults.strike('holdUpdates', { ...this.faultTarget(), keyId: session.key.id }) !== undefined;
  }

  uses(keyId: string): boolean {
    return this.#keys.has(keyId);
  }

  writePacket(packet: Buffer): boolean {
    return this.isOpen && this.writeBytes(this.#stream.send(packet));
  }

  writeBytes(bytes: Buffer): boolean {
    if (!this.isOpen || this.#socket.destroyed || !this.#socket.writable) return false;
    this.record.bytesOut += bytes.length;
    this.#socket.write(bytes);
    if (this.#socket.writableLength > MOST_UNREAD_BYTES) this.reset(ConnectionEnd.SERVER_CLOSED);
    return true;
  }

  /** Half of a packet, and then a reset. */
  writeTornPacket(packet: Buffer): void {
    const bytes = this.#stream.send(packet);
    const half = bytes.subarray(0, bytes.length >> 1);
    this.#end ||= ConnectionEnd.FAULT;
    this.record.bytesOut += half.length;
    this.#socket.write(half, () => this.reset(ConnectionEnd.FAULT));
  }

  writeGarbage(length: number): void {
    this.writeBytes(this.#telegram.random(length));
  }

  transportError(code: number, end: ConnectionEnd): void {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeInt32LE(code);
    if (this.#stream.framing) this.writePacket(bytes);
    this.close(end);
  }

  /** Reads on and throws away, and answers nothing, as a half-open path does. */
  fallSilent(): void {
    this.#silent = true;
  }

  close(end: ConnectionEnd): void {
    this.#end ||= end;
    this.#socket.destroySoon();
  }

  /** Closes once what is being answered is written. */
  endSoon(end: ConnectionEnd): void {
    setImmediate(() => this.close(end));
  }

  reset(end: ConnectionEnd): void {
    this.#end ||= end;
    this.#socket.resetAndDestroy();
  }

  #received(chunk: Buffer): void {
    this.record.bytesIn += chunk.length;
    if (this.#silent || this.#end !== ConnectionEnd.UNSPECIFIED) return;
    try {
      for (const packet of this.#stream.receive(chunk)) {
        if (this.#silent || this.#end !== ConnectionEnd.UNSPECIFIED) return;
        this.#packet(packet);
      }
      this.record.transport = this.#stream.framing?.kind ?? this.record.transport;
      this.record.obfuscated = this.#stream.obfuscated;
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    const { logger } = this.#telegram;
    const fields = { connection_id: this.record.id, err: error };
    if (error instanceof ExchangeRefused) {
      logger.debug({ event: 'exchange_refused', ...fields }, 'a key exchange was refused');
      this.transportError(error.transportCode, ConnectionEnd.PROTOCOL_ERROR);
    } else if (error instanceof FramingError || error instanceof TlError) {
      logger.debug({ event: 'protocol_error', ...fields }, 'a client broke the protocol');
      this.close(ConnectionEnd.PROTOCOL_ERROR);
    } else {
      logger.error({ event: 'connection_fault', ...fields }, 'a connection failed by a fault of the server');
      this.reset(ConnectionEnd.PROTOCOL_ERROR);
    }
  }

  #packet(packet: Buffer): void {
    if (packet.length < 8) throw new FramingError(`a packet of ${packet.length} bytes`);
    if (packet.readBigInt64LE(0) === 0n) this.#plain(packet);
    else this.#encrypted(packet);
  }

  #plain(packet: Buffer): void {
    const length = packet.length < 20 ? -1 : packet.readInt32LE(16);
    if (length < 0 || 20 + length > packet.length) throw new FramingError('a plain message does not fit');
    const body = this.#exchange.answer(packet.subarray(20, 20 + length));
    if (!body) return;
    const head = Buffer.alloc(20);
    head.writeBigInt64LE(this.#plainIds.next(this.clientNow(), true), 8);
    head.writeInt32LE(body.length, 16);
    this.writePacket(Buffer.concat([head, body]));
  }

  #encrypted(packet: Buffer): void {
    const telegram = this.#telegram;
    const key = telegram.key(packet.toString('hex', 0, 8));
    if (!key || key.dataCenter !== this.dataCenter || isDestroyed(key)) {
      this.transportError(KEY_UNKNOWN, ConnectionEnd.PROTOCOL_ERROR);
      return;
    }
    const plain = unpackMessage(packet, key.key, 'client');
    if (!plain) throw new FramingError('a message does not fit its msg_key');
    this.#lastKey = key;
    this.#keys.set(key.id, key);
    const sessionId = plain.readBigInt64LE(8);
    const message = {
      salt: plain.readBigInt64LE(0),
      id: plain.readBigInt64LE(16),
      seqno: plain.readInt32LE(24),
      body: plain.subarray(32),
    };
    const { session, isNew } = telegram.session(key, sessionId);
    telegram.log.messageCame(this.record, key.id, session.idText, telegram.accountOf(key)?.id ?? 0);
    telegram.noteUse(key, this, sessionId);
    this.#sessions.add(session);
    session.attach(this);
    telegram.sessionAttached(session);
    if (isNew) this.#greet(session, firstIdOf(message));
    receive(session, message, this.#ports(key));
  }

  #greet(session: MtSession, firstMessageId: bigint): void {
    session.sendContent(
      encode({
        _: 'new_session_created',
        first_msg_id: firstMessageId,
        unique_id: this.#telegram.random(8).readBigInt64LE(),
        server_salt: saltAt(session.key, Math.floor(this.clientNow() / 1_000)),
      }),
    );
  }

  #ports(key: KeyRecord): InboundPorts {
    const telegram = this.#telegram;
    return {
      nowSeconds: () => Math.floor(this.clientNow() / 1_000),
      refused: () => (telegram.log.counters.messagesRefused += 1),
      query: (session, messageId, body) => dispatch(telegram, { connection: this, session, messageId, body }),
      disconnectAfter: (seconds) => this.#disconnectAfter(seconds),
      destroySession: (id) => telegram.destroySession(key, id),
      destroyKey: () => telegram.destroyKey(key),
    };
  }

  #disconnectAfter(seconds: number): void {
    this.#disconnect?.cancel();
    this.#disconnect = this.#telegram.clock.setTimer(1_000 * Math.max(1, seconds), () =>
      this.close(ConnectionEnd.PING_TIMEOUT),
    );
  }

  #ended(): void {
    this.#closed = true;
    this.#disconnect?.cancel();
    this.#telegram.connectionClosed(this, this.#keys.values(), this.#sessions);
    this.#telegram.log.connectionClosed(this.record, this.#end || ConnectionEnd.CLIENT_CLOSED);
  }
}

function isDestroyed(key: KeyRecord): boolean {
  return key.authorization?.end === AuthorizationEnd.KEY_DESTROYED;
}

/** The lowest id that came: those within a container are below its own. */
function firstIdOf({ id, body }: InnerMessage): bigint {
  if (!isContainer(body)) return id;
  return body.length >= 16 && body.readUInt32LE(4) > 0 ? body.readBigInt64LE(8) : id;
}

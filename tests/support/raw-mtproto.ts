import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { TlObject } from '../../services/local-telegram/codec/object.ts';
import { sha1 } from '../../services/local-telegram/crypto/hash.ts';
import { packMessage, unpackMessage } from '../../services/local-telegram/crypto/message.ts';
import { isContainer, readContainer, unpackGzip } from '../../services/local-telegram/session/wire.ts';
import { decodeWrapped, encode } from '../../services/local-telegram/tl.ts';

/* A client that can do everything wrong, one message at a time, over the intermediate transport. */

export interface RawMessage {
  id: bigint;
  seqno: number;
  object: TlObject;
}

const RPC_RESULT = 0xf35c6d01;

export class RawClient {
  readonly key: Buffer;
  readonly keyId: Buffer;
  readonly received: RawMessage[] = [];
  /** Transport errors, as -404. */
  readonly transportErrors: number[] = [];
  sessionId = randomBytes(8).readBigInt64LE();
  salt = 0n;
  closed = false;
  #seqno = 0;
  readonly #waiting = new Map<bigint, (result: TlObject) => void>();
  #onSalt: () => void = () => undefined;
  #lastId = 0n;
  #socket!: Socket;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(key: Buffer) {
    this.key = key;
    this.keyId = sha1(key).subarray(12, 20);
  }

  async open(port: number): Promise<this> {
    this.#socket = connect(port, '127.0.0.1');
    await new Promise<void>((resolve, reject) => {
      this.#socket.once('connect', resolve).once('error', reject);
    });
    this.#socket.on('error', () => (this.closed = true));
    this.#socket.on('close', () => (this.closed = true));
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#socket.write(Buffer.alloc(4, 0xee));
    return this;
  }

  close(): void {
    this.#socket.destroy();
  }

  nextId(nowMs = Date.now()): bigint {
    const seconds = BigInt(Math.floor(nowMs / 1_000));
    const id = (seconds << 32n) | (BigInt(Math.floor((nowMs % 1_000) * 4_000_000)) & ~3n);
    this.#lastId = id > this.#lastId ? id : this.#lastId + 4n;
    return this.#lastId;
  }

  nextSeqno(isContent = true): number {
    const seqno = 2 * this.#seqno + (isContent ? 1 : 0);
    if (isContent) this.#seqno += 1;
    return seqno;
  }

  /** Sends as it should be, but for what is given; returns the message's id. */
  send(
    body: TlObject | Buffer,
    wrong: { id?: bigint; seqno?: number; salt?: bigint; tamper?: boolean } = {},
  ): bigint {
    const bytes = Buffer.isBuffer(body) ? body : encode(body);
    const id = wrong.id ?? this.nextId();
    const plain = Buffer.alloc(32 + bytes.length);
    plain.writeBigInt64LE(wrong.salt ?? this.salt, 0);
    plain.writeBigInt64LE(this.sessionId, 8);
    plain.writeBigInt64LE(id, 16);
    plain.writeInt32LE(wrong.seqno ?? this.nextSeqno(), 24);
    plain.writeUInt32LE(bytes.length, 28);
    bytes.copy(plain, 32);
    const packet = packMessage(plain, { key: this.key, id: this.keyId }, 'client', randomBytes);
    if (wrong.tamper) packet[packet.length - 1]! ^= 1;
    this.sendPacket(packet);
    return id;
  }

  sendPacket(packet: Buffer): void {
    const head = Buffer.alloc(4);
    head.writeUInt32LE(packet.length);
    this.#socket.write(Buffer.concat([head, packet]));
  }

  /** Sends a call and waits for its result; an rpc_error is one. */
  call(query: TlObject): Promise<TlObject> {
    return new Promise((resolve) => {
      this.#waiting.set(this.send(query), resolve);
    });
  }

  /** Resolves when the server has told its salt. */
  salted(): Promise<void> {
    return new Promise((resolve) => {
      this.#onSalt = resolve;
    });
  }

  /** A container of messages, each with an id and number of its own. */
  container(bodies: readonly TlObject[]): { bytes: Buffer; ids: bigint[] } {
    const ids = bodies.map(() => this.nextId());
    const parts = bodies.map((body, index) => {
      const bytes = encode(body);
      const head = Buffer.alloc(16);
      head.writeBigInt64LE(ids[index]!, 0);
      head.writeInt32LE(this.nextSeqno(), 8);
      head.writeUInt32LE(bytes.length, 12);
      return Buffer.concat([head, bytes]);
    });
    const head = Buffer.alloc(8);
    head.writeUInt32LE(0x73f1f8dc, 0);
    head.writeUInt32LE(bodies.length, 4);
    return { bytes: Buffer.concat([head, ...parts]), ids };
  }

  find(name: string): TlObject | undefined {
    return this.received.find(({ object }) => object._ === name)?.object;
  }

  all(name: string): TlObject[] {
    return this.received.filter(({ object }) => object._ === name).map(({ object }) => object);
  }

  /** The result of a call, or its error. */
  resultOf(id: bigint): TlObject | undefined {
    return this.all('rpc_result').find((one) => one['req_msg_id'] === id)?.['result'] as TlObject | undefined;
  }

  #read(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    while (this.#buffer.length >= 4) {
      const length = this.#buffer.readUInt32LE(0);
      if (this.#buffer.length < 4 + length) return;
      const packet = this.#buffer.subarray(4, 4 + length);
      this.#buffer = this.#buffer.subarray(4 + length);
      if (length === 4) this.transportErrors.push(packet.readInt32LE(0));
      else this.#packet(packet);
    }
  }

  #packet(packet: Buffer): void {
    const plain = unpackMessage(packet, this.key, 'server');
    if (!plain) throw new Error('the server sent what can not be read');
    this.#message(plain.readBigInt64LE(16), plain.readInt32LE(24), plain.subarray(32));
  }

  #message(id: bigint, seqno: number, body: Buffer): void {
    if (isContainer(body)) {
      for (const inner of readContainer(body)) this.#message(inner.id, inner.seqno, inner.body);
      return;
    }
    const object = body.readUInt32LE(0) === RPC_RESULT ? rpcResult(body) : decodeWrapped(body, 0).object;
    if (object._ === 'bad_server_salt') {
      this.salt = object['new_server_salt'] as bigint;
      this.#onSalt();
    }
    if (object._ === 'rpc_result') {
      const requestId = object['req_msg_id'] as bigint;
      this.#waiting.get(requestId)?.(object['result'] as TlObject);
      this.#waiting.delete(requestId);
    }
    this.received.push({ id, seqno, object });
  }
}

function rpcResult(body: Buffer): TlObject {
  const result = unpackGzip(body.subarray(12));
  const known = result.readUInt32LE(0) === 0x1cb5c415 ? { _: 'vector' } : decodeWrapped(result, 0).object;
  return { _: 'rpc_result', req_msg_id: body.readBigInt64LE(4), result: known };
}

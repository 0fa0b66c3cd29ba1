import { gunzipSync } from 'node:zlib';
import { TlReader, int64, tlBytes, uint32 } from './tl-bytes.ts';

/* The messages of MTProto itself. Everything else is TL and belongs to somebody else. */

export const RPC_RESULT = 0xf35c6d01;
export const RPC_ERROR = 0x2144ca19;
export const CONTAINER = 0x73f1f8dc;
export const GZIP_PACKED = 0x3072cfa1;
export const PONG = 0x347773c5;
export const BAD_SERVER_SALT = 0xedab447b;
export const BAD_MSG_NOTIFICATION = 0xa7eff811;
export const NEW_SESSION_CREATED = 0x9ec20908;
export const MSGS_ACK = 0x62d6b459;
export const MSG_DETAILED_INFO = 0x276d3ec6;
export const MSG_NEW_DETAILED_INFO = 0x809db6df;
export const MSGS_STATE_REQ = 0xda69fb52;
export const MSG_RESEND_REQ = 0x7d861a08;
const MSGS_STATE_INFO = 0x04deb57d;
const PING_DELAY_DISCONNECT = 0xf3427b8c;
const VECTOR = 0x1cb5c415;

/** Of those that mean nothing to a client that asked for none of it. */
export const IGNORED: ReadonlySet<number> = new Set([
  MSGS_ACK,
  0x8cc0d131, // msgs_all_info
  MSGS_STATE_INFO,
  0xe22045fc, // destroy_session_ok
  0x62d350c9, // destroy_session_none
  0xae500895, // future_salts
]);

const MOST_UNPACKED_BYTES = 32 * 1024 * 1024;
const MOST_IDS = 8_192;
const MOST_IN_CONTAINER = 1_024;
const MESSAGE_HEADER = 16;

export interface Message {
  readonly id: bigint;
  readonly seqno: number;
  readonly body: Buffer;
}

export function readContainer(body: Buffer): Message[] {
  const reader = new TlReader(body, 4);
  const count = reader.uint32();
  if (count > MOST_IN_CONTAINER) throw new RangeError('the container holds too many messages');
  const messages: Message[] = [];
  for (let i = 0; i < count; i += 1) {
    const id = reader.int64();
    const seqno = reader.uint32();
    messages.push({ id, seqno, body: reader.raw(reader.uint32()) });
  }
  return messages;
}

export function unpackGzip(body: Buffer): Buffer {
  if (body.length < 4 || body.readUInt32LE() !== GZIP_PACKED) return body;
  return gunzipSync(new TlReader(body, 4).bytes(), { maxOutputLength: MOST_UNPACKED_BYTES });
}

/** The message ids that a msgs_state_req or msg_resend_req asks for. */
export function readIds(body: Buffer): bigint[] {
  const reader = new TlReader(body, 8);
  const count = Math.min(reader.uint32(), MOST_IDS);
  return Array.from({ length: count }, () => reader.int64());
}

export function acknowledge(ids: readonly bigint[]): Buffer {
  return withIds(MSGS_ACK, ids);
}

export function askAgain(answerId: bigint): Buffer {
  return withIds(MSG_RESEND_REQ, [answerId]);
}

/** 1 for each: nothing is known of the message, so that the server sends it again. */
export function nothingKnown(requestId: bigint, count: number): Buffer {
  return Buffer.concat([uint32(MSGS_STATE_INFO), int64(requestId), tlBytes(Buffer.alloc(count, 1))]);
}

export function pingDelayDisconnect(pingId: bigint, disconnectDelayS: number): Buffer {
  return Buffer.concat([uint32(PING_DELAY_DISCONNECT), int64(pingId), uint32(disconnectDelayS)]);
}

/** Writes a message at `at`, and returns where the next goes. */
export function writeMessage(into: Buffer, at: number, { id, seqno, body }: Message): number {
  into.writeBigInt64LE(id, at);
  into.writeUInt32LE(seqno, at + 8);
  into.writeUInt32LE(body.length, at + 12);
  body.copy(into, at + MESSAGE_HEADER);
  return at + MESSAGE_HEADER + body.length;
}

export function sizeOf(body: Buffer): number {
  return MESSAGE_HEADER + body.length;
}

function withIds(constructor: number, ids: readonly bigint[]): Buffer {
  const out = Buffer.allocUnsafe(12 + 8 * ids.length);
  out.writeUInt32LE(constructor, 0);
  out.writeUInt32LE(VECTOR, 4);
  out.writeUInt32LE(ids.length, 8);
  for (const [index, id] of ids.entries()) out.writeBigInt64LE(id, 12 + 8 * index);
  return out;
}

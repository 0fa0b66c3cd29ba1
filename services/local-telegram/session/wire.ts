import { gunzipSync, gzipSync } from 'node:zlib';
import { TlError } from '../codec/object.ts';

/* The constructors that the schema's text leaves to code. */

const CONTAINER = 0x73f1f8dc;
const GZIP = 0x3072cfa1;
const RPC_RESULT = 0xf35c6d01;

/** A client's own packing must not fill the memory. */
const LARGEST_UNPACKED = 8 * 1024 * 1024;
const MOST_IN_CONTAINER = 1_020;
/** Answers smaller than this gain nothing from it. */
const GZIP_FROM = 4 * 1024;

export interface InnerMessage {
  id: bigint;
  seqno: number;
  body: Buffer;
}

export function isContainer(body: Buffer): boolean {
  return body.length >= 4 && body.readUInt32LE(0) === CONTAINER;
}

export function readContainer(body: Buffer): InnerMessage[] {
  if (body.length < 8) throw new TlError('a container without a count');
  const count = body.readUInt32LE(4);
  if (count > MOST_IN_CONTAINER) throw new TlError(`a container of ${count} messages`);
  const messages: InnerMessage[] = [];
  let at = 8;
  for (let i = 0; i < count; i += 1) {
    if (at + 16 > body.length) throw new TlError('a container ends early');
    const length = body.readUInt32LE(at + 12);
    const end = at + 16 + length;
    if (length % 4 !== 0 || end > body.length) throw new TlError('a message of a container does not fit');
    messages.push({
      id: body.readBigInt64LE(at),
      seqno: body.readInt32LE(at + 8),
      body: body.subarray(at + 16, end),
    });
    at = end;
  }
  return messages;
}

/** The body without any packing around it. */
export function unpackGzip(body: Buffer): Buffer {
  if (body.length < 8 || body.readUInt32LE(0) !== GZIP) return body;
  const head = body[4] === 254 ? 8 : 5;
  const length = body[4] === 254 ? body.readUIntLE(5, 3) : body[4]!;
  if (head + length > body.length) throw new TlError('packed data ends early');
  try {
    return gunzipSync(body.subarray(head, head + length), { maxOutputLength: LARGEST_UNPACKED });
  } catch (error) {
    throw new TlError(`packed data can not be unpacked: ${String(error)}`);
  }
}

export function rpcResult(requestId: bigint, result: Buffer): Buffer {
  const head = Buffer.allocUnsafe(12);
  head.writeUInt32LE(RPC_RESULT, 0);
  head.writeBigInt64LE(requestId, 4);
  return Buffer.concat([head, result.length < GZIP_FROM ? result : packGzip(result)]);
}

function packGzip(result: Buffer): Buffer {
  const packed = gzipSync(result, { level: 1 });
  if (packed.length + 16 >= result.length) return result;
  const head = Buffer.allocUnsafe(8);
  head.writeUInt32LE(GZIP, 0);
  head[4] = 254;
  head.writeUIntLE(packed.length, 5, 3);
  return Buffer.concat([head, packed, Buffer.alloc(-packed.length & 3)]);
}

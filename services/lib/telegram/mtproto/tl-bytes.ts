/** The few messages of MTProto itself are written and read by hand: they come before and around TL objects. */
export class TlReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get position(): number {
    return this.#at;
  }

  uint32(): number {
    return this.raw(4).readUInt32LE();
  }

  int32(): number {
    return this.raw(4).readInt32LE();
  }

  int64(): bigint {
    return this.raw(8).readBigInt64LE();
  }

  /** Of `length` bytes, without a copy. Throws RangeError beyond the end. */
  raw(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError('the message ends too early');
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  bytes(): Buffer {
    const [first, low, middle, high] = [...this.raw(4)] as [number, number, number, number];
    const isLong = first === 254;
    const length = isLong ? low | (middle << 8) | (high << 16) : first;
    this.#at -= isLong ? 0 : 3;
    const part = this.raw(length);
    this.#at += -((isLong ? 0 : 1) + length) & 3;
    return part;
  }
}

const SHORT = 254;

export function tlBytes(bytes: Buffer): Buffer {
  const { length } = bytes;
  const head =
    length < SHORT ? Buffer.of(length) : Buffer.of(SHORT, length & 255, (length >> 8) & 255, length >> 16);
  return Buffer.concat([head, bytes, Buffer.alloc(-(head.length + length) & 3)]);
}

export function uint32(value: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeUInt32LE(value >>> 0);
  return out;
}

export function int64(value: bigint): Buffer {
  const out = Buffer.allocUnsafe(8);
  out.writeBigInt64LE(value);
  return out;
}

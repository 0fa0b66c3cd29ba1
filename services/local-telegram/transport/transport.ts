import { abridged } from './abridged.ts';
import { FramingError, type Framing } from './framing.ts';
import { full } from './full.ts';
import { intermediate, paddedIntermediate } from './intermediate.ts';
import { INIT_BYTES, openObfuscation, type Obfuscation } from './obfuscation.ts';

const ABRIDGED = 0xef;
const INTERMEDIATE = 0xeeeeeeee;
const PADDED = 0xdddddddd;

/** The server's end of one connection's stream: bytes in, packets out, and the other way. */
export class TransportStream {
  framing: Framing | undefined;
  #obfuscation: Obfuscation | undefined;
  #buffer: Buffer = Buffer.alloc(0);
  readonly #random: (size: number) => Buffer;

  constructor(random: (size: number) => Buffer) {
    this.#random = random;
  }

  get obfuscated(): boolean {
    return this.#obfuscation !== undefined;
  }

  /** The packets that are whole by now; throws FramingError. */
  receive(chunk: Buffer): Buffer[] {
    const plain = this.#obfuscation ? this.#obfuscation.incoming.update(chunk) : chunk;
    this.#buffer = this.#buffer.length === 0 ? plain : Buffer.concat([this.#buffer, plain]);
    if (!this.framing && !this.#detect()) return [];
    const packets: Buffer[] = [];
    for (let read = this.framing!.read(this.#buffer); read; read = this.framing!.read(this.#buffer)) {
      packets.push(read.packet);
      this.#buffer = this.#buffer.subarray(read.taken);
    }
    return packets;
  }

  /** Bytes for the wire. */
  send(packet: Buffer): Buffer {
    return this.disguise(this.framing!.frame(packet));
  }

  /** Bytes that are no packet, disguised as the connection's are. */
  disguise(bytes: Buffer): Buffer {
    return this.#obfuscation ? this.#obfuscation.outgoing.update(bytes) : bytes;
  }

  #detect(): boolean {
    const buffer = this.#buffer;
    if (buffer.length === 0) return false;
    if (buffer[0] === ABRIDGED) return this.#use(abridged, 1);
    if (buffer.length < 8) {
      const tag = buffer.length >= 4 ? buffer.readUInt32LE(0) : undefined;
      return tag === INTERMEDIATE || tag === PADDED ? this.#useTag(tag, 4) : false;
    }
    const tag = buffer.readUInt32LE(0);
    if (tag === INTERMEDIATE || tag === PADDED) return this.#useTag(tag, 4);
    // A full transport begins with packet 0; an obfuscated one never has a zero there.
    if (buffer.readUInt32LE(4) === 0) return this.#use(full(), 0);
    if (buffer.length < INIT_BYTES) return false;
    const obfuscation = openObfuscation(buffer.subarray(0, INIT_BYTES));
    this.#obfuscation = obfuscation;
    this.#buffer = obfuscation.incoming.update(buffer.subarray(INIT_BYTES));
    return this.#useTag(obfuscation.tag, 0);
  }

  #useTag(tag: number, taken: number): boolean {
    if (tag === 0xefefefef) return this.#use(abridged, taken);
    if (tag === INTERMEDIATE) return this.#use(intermediate, taken);
    if (tag === PADDED) return this.#use(paddedIntermediate(this.#random), taken);
    throw new FramingError('the first bytes belong to no transport');
  }

  #use(framing: Framing, taken: number): boolean {
    this.framing = framing;
    this.#buffer = this.#buffer.subarray(taken);
    return true;
  }
}

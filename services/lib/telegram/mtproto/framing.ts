/** Opens the intermediate transport: packets with their length before them. */
export const TRANSPORT_TAG: Buffer = Buffer.alloc(4, 0xee);
/** Longer than any answer of Telegram. */
const MOST_PACKET_BYTES = 16 * 1024 * 1024;

export function frame(packet: Buffer): Buffer {
  const out = Buffer.allocUnsafe(4 + packet.length);
  out.writeUInt32LE(packet.length);
  packet.copy(out, 4);
  return out;
}

/** Cuts what comes from a socket into packets. Keeps no bytes between whole ones. */
export class Unframer {
  #rest: Buffer[] = [];
  #have = 0;
  #need = 4;

  /** False when what came can not be packets. */
  push(chunk: Buffer, take: (packet: Buffer) => void): boolean {
    this.#rest.push(chunk);
    this.#have += chunk.length;
    if (this.#have < this.#need) return true;
    let bytes = this.#rest.length === 1 ? chunk : Buffer.concat(this.#rest, this.#have);
    while (bytes.length >= 4) {
      const length = bytes.readUInt32LE(0);
      if (length < 4 || length > MOST_PACKET_BYTES) return false;
      this.#need = 4 + length;
      if (bytes.length < this.#need) break;
      take(bytes.subarray(4, this.#need));
      bytes = bytes.subarray(this.#need);
      this.#need = 4;
    }
    this.#have = bytes.length;
    this.#rest = bytes.length === 0 ? [] : [bytes];
    return true;
  }
}

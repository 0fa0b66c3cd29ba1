import { Transport } from '#gen/telegate/local_telegram/v1/log_pb.ts';
import { checkLength, type Framing } from './framing.ts';

/** The client asks for a quick acknowledgement, which a server may leave out. */
const QUICK_ACK = 0x80000000;

export const intermediate: Framing = {
  kind: Transport.INTERMEDIATE,
  read: (buffer) => readSized(buffer),
  frame: (packet) => sized(packet),
};

/** Up to 15 bytes of padding, to hide the length of what is carried. */
export function paddedIntermediate(random: (size: number) => Buffer): Framing {
  return {
    kind: Transport.PADDED_INTERMEDIATE,
    read(buffer) {
      const read = readSized(buffer);
      return read && { ...read, packet: withoutPadding(read.packet) };
    },
    frame: (packet) => sized(Buffer.concat([packet, random(random(1)[0]! & 15)])),
  };
}

function readSized(buffer: Buffer): { packet: Buffer; taken: number } | undefined {
  if (buffer.length < 4) return undefined;
  const length = buffer.readUInt32LE(0) & ~QUICK_ACK;
  checkLength(length);
  if (buffer.length < 4 + length) return undefined;
  return { packet: buffer.subarray(4, 4 + length), taken: 4 + length };
}

function sized(packet: Buffer): Buffer {
  const head = Buffer.allocUnsafe(4);
  head.writeUInt32LE(packet.length);
  return Buffer.concat([head, packet]);
}

const UNENCRYPTED_HEADER = 20;
const ENCRYPTED_HEADER = 24;

/** Of an encrypted message the length is known to the block; of a plain one it stands in its head. */
function withoutPadding(packet: Buffer): Buffer {
  if (packet.length >= UNENCRYPTED_HEADER && packet.readBigInt64LE(0) === 0n)
    return packet.subarray(0, UNENCRYPTED_HEADER + packet.readUInt32LE(16));
  if (packet.length < ENCRYPTED_HEADER) return packet;
  return packet.subarray(0, packet.length - ((packet.length - ENCRYPTED_HEADER) % 16));
}

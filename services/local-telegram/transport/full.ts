import { crc32 } from 'node:zlib';
import { Transport } from '#gen/telegate/local_telegram/v1/log_pb.ts';
import { checkLength, FramingError, type Framing } from './framing.ts';

/** Length, number and CRC-32 around each packet; both sides count theirs from zero. */
export function full(): Framing {
  let received = 0;
  let sent = 0;
  return {
    kind: Transport.FULL,
    read(buffer) {
      if (buffer.length < 4) return undefined;
      const length = buffer.readUInt32LE(0);
      checkLength(length - 12);
      if (buffer.length < length) return undefined;
      const number = buffer.readInt32LE(4);
      if (number !== received) throw new FramingError(`packet ${number} came in place of ${received}`);
      received += 1;
      if (crc32(buffer.subarray(0, length - 4)) !== buffer.readUInt32LE(length - 4))
        throw new FramingError('the CRC-32 of a packet is wrong');
      return { packet: buffer.subarray(8, length - 4), taken: length };
    },
    frame(packet) {
      const framed = Buffer.allocUnsafe(packet.length + 12);
      framed.writeUInt32LE(framed.length, 0);
      framed.writeInt32LE(sent, 4);
      sent += 1;
      packet.copy(framed, 8);
      framed.writeUInt32LE(crc32(framed.subarray(0, framed.length - 4)), framed.length - 4);
      return framed;
    },
  };
}

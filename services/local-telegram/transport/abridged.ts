import { Transport } from '#gen/telegate/local_telegram/v1/log_pb.ts';
import { checkLength, type Framing } from './framing.ts';

const LONG = 0x7f;
/** The client asks for a quick acknowledgement, which a server may leave out. */
const QUICK_ACK = 0x80;

export const abridged: Framing = {
  kind: Transport.ABRIDGED,
  read(buffer) {
    if (buffer.length === 0) return undefined;
    const short = buffer[0]! & ~QUICK_ACK;
    const head = short === LONG ? 4 : 1;
    if (buffer.length < head) return undefined;
    const length = 4 * (short === LONG ? buffer.readUIntLE(1, 3) : short);
    checkLength(length);
    if (buffer.length < head + length) return undefined;
    return { packet: buffer.subarray(head, head + length), taken: head + length };
  },
  frame(packet) {
    const words = packet.length / 4;
    if (words < LONG) return Buffer.concat([Buffer.of(words), packet]);
    return Buffer.concat([Buffer.of(LONG, words & 0xff, (words >> 8) & 0xff, words >> 16), packet]);
  },
};

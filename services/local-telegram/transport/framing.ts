import type { Transport } from '#gen/telegate/local_telegram/v1/log_pb.ts';

/** What the client sent breaks the framing; the connection can not go on. */
export class FramingError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FramingError';
  }
}

/** How packets are told apart on a stream. A packet is what MTProto calls a payload. */
export interface Framing {
  readonly kind: Transport;
  /** The next whole packet and how many bytes it took; undefined while some are missing. */
  read(buffer: Buffer): { packet: Buffer; taken: number } | undefined;
  frame(packet: Buffer): Buffer;
}

/** Larger than any packet a client needs to send: a part of a file has at most 512 KiB. */
export const LARGEST_PACKET = 2 * 1024 * 1024;

export function checkLength(length: number): void {
  if (length > LARGEST_PACKET)
    throw new FramingError(`a packet of ${length} bytes; ${LARGEST_PACKET} are allowed`);
  if (length < 4) throw new FramingError(`a packet of ${length} bytes`);
}

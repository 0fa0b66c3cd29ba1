import type { Clock } from '#lib/lifecycle/clock.ts';
import { KeyExchangeFailed, LinkClosed, type LinkEnd } from '../link.ts';
import { MessageIds } from './message-ids.ts';

const HEADER = 20;

/** Messages in the clear, one question at a time: what an exchange of keys needs. */
export class PlainChannel {
  readonly #ids: MessageIds;
  readonly #write: (packet: Buffer) => void;
  #waiting: { resolve: (body: Buffer) => void; reject: (error: Error) => void } | undefined;
  #failure: Error | undefined;

  constructor(clock: Clock, write: (packet: Buffer) => void) {
    this.#ids = new MessageIds(clock);
    this.#write = write;
  }

  ask(body: Buffer): Promise<Buffer> {
    if (this.#failure) return Promise.reject(this.#failure);
    const packet = Buffer.alloc(HEADER + body.length);
    packet.writeBigInt64LE(this.#ids.next(), 8);
    packet.writeUInt32LE(body.length, 16);
    body.copy(packet, HEADER);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#write(packet);
    });
  }

  receive(packet: Buffer): void {
    const isPlain = packet.length >= HEADER && packet.readBigInt64LE() === 0n;
    const end = isPlain ? HEADER + packet.readUInt32LE(16) : Infinity;
    if (end > packet.length) {
      this.fail(new KeyExchangeFailed('protocol', 'the server sent what is no message in the clear.'));
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(packet.subarray(HEADER, end));
  }

  end(end: LinkEnd): void {
    this.fail(new LinkClosed(end, true));
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}

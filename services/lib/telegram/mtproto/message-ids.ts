import type { Clock } from '#lib/lifecycle/clock.ts';

/** Ids of messages: the server's time in the high 32 bits, always rising, divisible by four. */
export class MessageIds {
  readonly #clock: Clock;
  #offsetMs: number;
  #last = 0n;

  constructor(clock: Clock, offsetMs = 0) {
    this.#clock = clock;
    this.#offsetMs = offsetMs;
  }

  next(): bigint {
    const now = this.#clock.now() + this.#offsetMs;
    const seconds = Math.floor(now / 1_000);
    const id = (BigInt(seconds) << 32n) | BigInt(Math.floor((now - 1_000 * seconds) * 1_000_000) * 4);
    this.#last = id > this.#last ? id : this.#last + 4n;
    return this.#last;
  }

  /** The server's clock goes otherwise than ours: the id of a message of its own shows how. */
  correct(serverMessageId: bigint): void {
    this.#offsetMs = 1_000 * Number(serverMessageId >> 32n) - this.#clock.now();
    this.#last = 0n;
  }
}

const REMEMBERED = 64;

/** The newest ids of packets that came, so that none is taken twice. */
export class SeenIds {
  readonly #ids = new BigInt64Array(REMEMBERED);
  #next = 0;
  #highest = 0n;

  /** False when the id came before, or is older than all that are remembered. */
  add(id: bigint): boolean {
    if (id <= this.#highest && (this.#ids.includes(id) || id < this.#lowest())) return false;
    if (id > this.#highest) this.#highest = id;
    this.#ids[this.#next] = id;
    this.#next = (this.#next + 1) % REMEMBERED;
    return true;
  }

  #lowest(): bigint {
    let lowest = this.#highest;
    for (const id of this.#ids) if (id < lowest) lowest = id;
    return lowest;
  }
}

import { BAD } from './message-ids.ts';

interface Seen {
  id: bigint;
  seqno: number;
}

export type Verdict = { kind: 'new' } | { kind: 'repeated' } | { kind: 'refused'; code: number };

/** More than a client has under way at once. What is older than all that is kept can not be checked. */
const KEPT = 1_024;

/**
 * The ids that an MTProto session has received, in their order, with their sequence numbers. Those accepted rise
 * together, so a new message needs to be held only against its two neighbours.
 */
export class Received {
  readonly #seen: Seen[] = [];
  #droppedBelow = 0n;

  check(id: bigint, seqno: number): Verdict {
    const seen = this.#seen;
    const at = this.#place(id);
    if (seen[at]?.id === id) return { kind: 'repeated' };
    if (id <= this.#droppedBelow) return { kind: 'refused', code: BAD.tooOld };
    const before = seen[at - 1];
    const after = seen[at];
    if (before && isAhead(before.seqno, seqno)) return { kind: 'refused', code: BAD.seqnoTooLow };
    if (after && isAhead(seqno, after.seqno)) return { kind: 'refused', code: BAD.seqnoTooHigh };
    seen.splice(at, 0, { id, seqno });
    if (seen.length > 2 * KEPT) this.#droppedBelow = seen.splice(0, KEPT).at(-1)!.id;
    return { kind: 'new' };
  }

  has(id: bigint): boolean {
    return this.#seen[this.#place(id)]?.id === id;
  }

  /** 1: nothing is known of it; 2: not received; 3: not received and too new; 4: received. */
  state(id: bigint): number {
    if (this.has(id)) return 4;
    if (id <= this.#droppedBelow) return 1;
    const last = this.#seen.at(-1);
    return last && id > last.id ? 3 : 2;
  }

  #place(id: bigint): number {
    const seen = this.#seen;
    if (seen.length === 0 || seen.at(-1)!.id < id) return seen.length;
    let low = 0;
    let high = seen.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (seen[middle]!.id < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Whether a number of an earlier message is one that only a later message could have. */
function isAhead(earlier: number, later: number): boolean {
  return earlier > later || (earlier === later && (earlier & 1) === 1);
}

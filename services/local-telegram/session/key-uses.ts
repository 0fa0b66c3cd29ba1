/** Two connections of different MTProto sessions under one key, and which sent after the newer's first message. */
interface Rivals<C> {
  older: C;
  newer: C;
  olderSent: boolean;
  newerSent: boolean;
}

/**
 * Who uses a key. It is used in two places when two connections of different sessions both send after the newer
 * one's first message, while both are open: an honest client that reconnects leaves the older one silent, also
 * where the server has not heard yet that it is gone.
 */
export class KeyUses<C> {
  readonly #sessions = new Map<C, bigint>();
  #rivals: Rivals<C>[] = [];

  get connections(): Iterable<C> {
    return this.#sessions.keys();
  }

  /** Notes a valid message; the two connections, the older first, when it shows that the key is in two places. */
  note(connection: C, sessionId: bigint): { older: C; newer: C } | undefined {
    if (this.#sessions.get(connection) !== sessionId) {
      this.forget(connection);
      for (const [older, olderSession] of this.#sessions)
        if (olderSession !== sessionId)
          this.#rivals.push({ older, newer: connection, olderSent: false, newerSent: false });
      this.#sessions.set(connection, sessionId);
      return undefined;
    }
    for (const rivals of this.#rivals) {
      if (rivals.older === connection) rivals.olderSent = true;
      if (rivals.newer === connection) rivals.newerSent = true;
      if (rivals.olderSent && rivals.newerSent) {
        this.#rivals = [];
        return rivals;
      }
    }
    return undefined;
  }

  forget(connection: C): void {
    this.#sessions.delete(connection);
    if (this.#rivals.length > 0)
      this.#rivals = this.#rivals.filter(({ older, newer }) => older !== connection && newer !== connection);
  }
}

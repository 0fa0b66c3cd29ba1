import type { WatchMessagesResponse } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';

export interface LogEvent {
  readonly position: bigint;
  readonly sessionId: bigint;
  readonly response: WatchMessagesResponse;
}

/** Who wants to know that something came for these sessions; all of the tenant when absent. */
export interface Follower {
  readonly sessions: ReadonlySet<bigint> | undefined;
  /** Behind this position is something that it did not read yet; undefined while it has read all. */
  due: bigint | undefined;
  wake(): void;
}

const MOST_EVENTS = 1_000;

/**
 * The end of a tenant's log in memory, for all who watch the tenant here: each reads it at its own pace, so that a
 * slow reader costs nothing but its position. Who is behind its beginning reads the log itself.
 */
export class Tail {
  /** All between `#start`, which it does not have, and `head`, in order. */
  #events: LogEvent[] = [];
  #start: bigint;
  #head: bigint;
  readonly #mostEvents: number;
  readonly #ofAll = new Set<Follower>();
  readonly #bySession = new Map<bigint, Set<Follower>>();

  constructor(head: bigint, options: { mostEvents?: number } = {}) {
    this.#start = this.#head = head;
    this.#mostEvents = options.mostEvents ?? MOST_EVENTS;
  }

  get head(): bigint {
    return this.#head;
  }

  get isFollowed(): boolean {
    return this.#ofAll.size + this.#bySession.size > 0;
  }

  /** The events behind `head`, up to and with `last`. */
  append(events: readonly LogEvent[], last: bigint): void {
    const woken = new Set<Follower>();
    for (const event of events) {
      this.#events.push(event);
      for (const followers of [this.#ofAll, this.#bySession.get(event.sessionId) ?? NOBODY])
        for (const follower of followers) {
          follower.due ??= event.position - 1n;
          woken.add(follower);
        }
    }
    this.#head = last;
    // Not at each event: moving what is kept costs as much as there is.
    if (this.#events.length > 2 * this.#mostEvents) {
      const gone = this.#events.splice(0, this.#events.length - this.#mostEvents);
      this.#start = gone.at(-1)!.position;
    }
    for (const follower of woken) follower.wake();
  }

  /** Everything behind the position that is kept; undefined when some of that is not kept any more. */
  after(position: bigint): readonly LogEvent[] | undefined {
    if (position < this.#start) return undefined;
    return this.#events.slice(firstBehind(this.#events, position));
  }

  follow(follower: Follower): () => void {
    const { sessions } = follower;
    if (!sessions) this.#ofAll.add(follower);
    else for (const session of sessions) this.#followSession(session, follower);
    return () => {
      if (!sessions) this.#ofAll.delete(follower);
      else for (const session of sessions) this.#leaveSession(session, follower);
    };
  }

  #followSession(session: bigint, follower: Follower): void {
    const followers = this.#bySession.get(session) ?? new Set();
    this.#bySession.set(session, followers.add(follower));
  }

  #leaveSession(session: bigint, follower: Follower): void {
    const followers = this.#bySession.get(session);
    followers?.delete(follower);
    if (followers?.size === 0) this.#bySession.delete(session);
  }
}

const NOBODY: ReadonlySet<Follower> = new Set();

function firstBehind(events: readonly LogEvent[], position: bigint): number {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (events[middle]!.position <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}

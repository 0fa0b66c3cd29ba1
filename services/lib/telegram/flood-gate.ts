import type { Clock } from '#lib/lifecycle/clock.ts';
import { FloodWait } from './errors.ts';
import { MAX_WAIT_SECONDS, type WaitKind } from './rpc-errors.ts';

export interface Wait {
  readonly kind: WaitKind;
  /** None: every method. */
  readonly method?: string;
  /** None: every peer. */
  readonly peer?: string;
  readonly seconds: number;
}

/** The waits of one session: who matches one is refused before the wire. */
export interface FloodGate {
  /** Throws FloodWait, of the wait that ends last, while one matches. */
  check(method: string, peer?: string): void;
  /** True when it makes a call wait that would not have waited as long. */
  learn(wait: Wait): boolean;
  /** Those that have not ended, with what is left of them. */
  waits(): Wait[];
}

interface Entry {
  readonly kind: WaitKind;
  readonly method: string | undefined;
  readonly peer: string | undefined;
  readonly until: number;
}

/** Slow mode is the chat's, for whatever is sent there; reading goes on. */
export const SENDS: ReadonlySet<string> = new Set([
  'messages.sendMessage',
  'messages.sendMedia',
  'messages.sendMultiMedia',
  'messages.forwardMessages',
  'messages.sendInlineBotResult',
]);
/** In the place of a method: all that slow mode holds up. No method is called so. */
const ANY_SEND = '(sends)';

/** Waits for one peer; those for all peers are as many as Telegram has methods. */
const MAX_PEER_WAITS = 1_000;

export function createFloodGate(options: { sessionId: bigint; clock: Clock }): FloodGate {
  const { sessionId, clock } = options;
  const entries = new Map<string, Entry>();
  let peerWaits = 0;

  const remove = (key: string, entry: Entry): void => {
    if (entries.delete(key) && entry.peer !== undefined) peerWaits -= 1;
  };

  const standing = (key: string, now: number): Entry | undefined => {
    const entry = entries.get(key);
    if (!entry || entry.until > now) return entry;
    remove(key, entry);
    return undefined;
  };

  const makeRoom = (): void => {
    // One that has ended, if there is any; else Telegram itself still keeps the wait that is forgotten.
    let nearest: [string, Entry] | undefined;
    for (const one of entries)
      if (one[1].peer !== undefined && (!nearest || one[1].until < nearest[1].until)) nearest = one;
    remove(...nearest!);
  };

  return {
    check(method, peer) {
      if (entries.size === 0) return;
      const now = clock.monotonic();
      let last = later(standing(keyOf(undefined, undefined), now), standing(keyOf(method, undefined), now));
      if (peer !== undefined) {
        last = later(last, standing(keyOf(undefined, peer), now));
        last = later(last, standing(keyOf(method, peer), now));
        if (SENDS.has(method)) last = later(last, standing(keyOf(ANY_SEND, peer), now));
      }
      if (last) throw new FloodWait({ sessionId, ...described(last, now) });
    },

    learn({ kind, method, peer, seconds }) {
      const now = clock.monotonic();
      const bounded = Math.min(seconds, MAX_WAIT_SECONDS);
      const scope =
        kind === 'slow_mode' && method !== undefined && SENDS.has(method) && peer ? ANY_SEND : method;
      const key = keyOf(scope, peer);
      const known = standing(key, now);
      const until = now + bounded * 1_000;
      if (known && known.until >= until) return false;
      if (known) remove(key, known);
      if (peer !== undefined && peerWaits >= MAX_PEER_WAITS) makeRoom();
      entries.set(key, { kind, method, peer, until });
      if (peer !== undefined) peerWaits += 1;
      return true;
    },

    waits() {
      const now = clock.monotonic();
      for (const [key, entry] of entries) if (entry.until <= now) remove(key, entry);
      return entries
        .values()
        .map((entry) => described(entry, now))
        .toArray();
    },
  };
}

function keyOf(method: string | undefined, peer: string | undefined): string {
  return `${method ?? ''}\n${peer ?? ''}`;
}

function later(one: Entry | undefined, other: Entry | undefined): Entry | undefined {
  if (!one || !other) return one ?? other;
  return other.until > one.until ? other : one;
}

function described({ kind, method, peer, until }: Entry, now: number): Wait {
  return {
    kind,
    ...(method === undefined ? {} : { method }),
    ...(peer === undefined ? {} : { peer }),
    seconds: Math.ceil((until - now) / 1_000),
  };
}

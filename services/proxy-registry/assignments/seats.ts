import { AssignmentPolicy, ProxyState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';

/** A proxy as whoever hands out its places sees it; `assigned` counts what is decided so far. */
export interface Seat {
  readonly proxyId: string;
  readonly ordinal: bigint;
  readonly tenantId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly country: string;
  readonly state: ProxyState;
  readonly capacity: number;
  assigned: number;
}

/** What an account asks of its proxy. */
export interface Fit {
  readonly labels: Readonly<Record<string, string>>;
  readonly country: string;
}

export function hasRoom(seat: Seat): boolean {
  return seat.assigned < seat.capacity;
}

export function isDown(seat: Seat): boolean {
  return seat.state === ProxyState.DOWN;
}

export function fits(seat: Seat, { labels, country }: Fit): boolean {
  return (
    (country === '' || seat.country === country) &&
    Object.entries(labels).every(([key, value]) => seat.labels[key] === value)
  );
}

/** Whose way is drawn, or looked for, at each connection. */
export function movesAtEachConnection(policy: AssignmentPolicy): boolean {
  return policy === AssignmentPolicy.RANDOM || policy === AssignmentPolicy.LEAST_USED;
}

export interface Draw {
  readonly policy: AssignmentPolicy;
  /** The proxy whose turn was last. */
  readonly lastOrdinal: bigint;
  readonly random: () => number;
  /** Stays where it is when that is as good. */
  readonly current?: Seat | undefined;
}

/** One of those that have room and are not down; slow ones only when there is no other. Takes no place on it. */
export function choose(candidates: readonly Seat[], draw: Draw): Seat | undefined {
  const open = candidates.filter((seat) => hasRoom(seat) && !isDown(seat));
  const quick = open.filter((seat) => seat.state !== ProxyState.SLOW);
  const among = quick.length > 0 ? quick : open;
  if (among.length === 0) return undefined;
  switch (draw.policy) {
    case AssignmentPolicy.RANDOM:
      return among[Math.floor(draw.random() * among.length)];
    case AssignmentPolicy.ROUND_ROBIN:
      return (
        among.toSorted(byOrdinal).find(({ ordinal }) => ordinal > draw.lastOrdinal) ??
        among.toSorted(byOrdinal)[0]
      );
    case AssignmentPolicy.UNSPECIFIED:
    case AssignmentPolicy.STICKY:
    case AssignmentPolicy.LEAST_USED:
      return among.reduce((best, seat) => (isBetter(seat, best, draw.current) ? seat : best));
  }
}

function byOrdinal(a: Seat, b: Seat): number {
  return a.ordinal < b.ordinal ? -1 : 1;
}

function isBetter(seat: Seat, best: Seat, current: Seat | undefined): boolean {
  if (seat.assigned !== best.assigned) return seat.assigned < best.assigned;
  if (best === current) return false;
  return seat === current || seat.ordinal < best.ordinal;
}

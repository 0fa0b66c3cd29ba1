import type {
  ClockEntry,
  Component,
  Entry,
  EntryOf,
  FaultEntry,
  Kind,
  OperationEntry,
  SlotEntry,
  StallEntry,
} from '../history.ts';

/** One lease as the database saw it. All times are the database's. */
export interface LeaseLife {
  readonly session: string;
  readonly lease: string;
  readonly token: string;
  readonly ttlMs: number;
  /** The sequence of the event that says it was acquired. */
  readonly grantSequence: number;
  readonly grantedAt: number;
  /** The grant and every renewal: when it was written, and the end it set. */
  readonly renewals: { at: number; expireAt: number }[];
  /** Another lease stood in its place without an end between. */
  wasOverwritten: boolean;
  endedAt?: number;
  end?: 'released' | 'expired' | 'revoked' | 'unknown';
  /** Of the row after the end; a quarantine's event comes after the end's own. */
  endSequence?: number;
}

export interface Interval {
  from: number;
  to: number;
}

/** A history, sorted and indexed for the checkers. */
export interface Timeline {
  readonly ttlMs: number;
  of<K extends Kind>(kind: K): readonly EntryOf<K>[];
  readonly slots: ReadonlyMap<string, readonly SlotEntry[]>;
  /** In the order of their grants, a session. */
  readonly lives: ReadonlyMap<string, readonly LeaseLife[]>;
  readonly lifeOf: ReadonlyMap<string, LeaseLife>;
  readonly operationsOf: ReadonlyMap<string, readonly OperationEntry[]>;
  /** The database's time at a moment of the monotonic clock, as well as it is known. */
  toDatabase(t: number): number;
  /** How far off that may be. */
  readonly clockError: number;
  /** When the pool could not work at all, by the database's clock: until it was allowed to, and until it did. */
  readonly outages: readonly { from: number; lifted: number; healed: number }[];
}

export function timelineOf(entries: readonly Entry[]): Timeline {
  const byKind = Map.groupBy(entries, ({ kind }) => kind);
  const of = <K extends Kind>(kind: K) => (byKind.get(kind) ?? []) as EntryOf<K>[];
  const clock = clockOf(of('clock'));
  const slots = Map.groupBy(
    of('slot').toSorted((a, b) => a.id - b.id),
    ({ session }) => session,
  );
  const endEvents = new Map(
    of('committed').map(({ session, sequence, subject }) => [`${session}/${sequence}`, subject]),
  );
  const lives = new Map([...slots].map(([session, rows]) => [session, livesOf(rows, endEvents)]));
  const operations = of('op').filter((operation) => operation.lease !== undefined);
  return {
    ttlMs: of('run')[0]?.ttlMs ?? 0,
    of,
    slots,
    lives,
    lifeOf: new Map([...lives.values()].flat().map((life) => [life.lease, life])),
    operationsOf: Map.groupBy(operations, ({ lease }) => lease!),
    ...clock,
    outages: outagesOf(of('fault'), clock.toDatabase),
  };
}

function livesOf(rows: readonly SlotEntry[], subjects: ReadonlyMap<string, string>): LeaseLife[] {
  const lives: LeaseLife[] = [];
  let current: LeaseLife | undefined;
  for (const row of rows) {
    if (current && row.lease !== current.lease) {
      current.endedAt = row.at;
      current.wasOverwritten = row.lease !== null;
      current.endSequence = row.sequence;
      const said = [row.sequence, row.sequence - 1].map((sequence) =>
        subjects.get(`${row.session}/${sequence}`),
      );
      const match = said.map((subject) => /\.lease_(released|expired|revoked)$/.exec(subject ?? '')?.[1]);
      current.end = (match[0] ?? match[1] ?? 'unknown') as LeaseLife['end'];
      current = undefined;
    }
    if (row.lease === null) continue;
    if (!current) {
      const { session, lease, token, sequence, at } = row;
      current = {
        session,
        lease,
        token,
        ttlMs: row.ttlMs ?? 0,
        grantSequence: sequence,
        grantedAt: at,
        renewals: [{ at, expireAt: row.expireAt! }],
        wasOverwritten: false,
      };
      lives.push(current);
    } else if (row.expireAt !== current.renewals.at(-1)!.expireAt) {
      current.renewals.push({ at: row.at, expireAt: row.expireAt! });
    }
  }
  return lives;
}

/** Samples that took long say little; of the good ones the nearest is used, for a clock may be set. */
function clockOf(samples: readonly ClockEntry[]): Pick<Timeline, 'toDatabase' | 'clockError'> {
  const sorted = samples.toSorted((a, b) => a.error - b.error);
  const good = sorted.slice(0, Math.max(1, Math.ceil(sorted.length / 2))).toSorted((a, b) => a.t - b.t);
  if (good.length === 0) return { toDatabase: (t) => t, clockError: 0 };
  return {
    clockError: Math.max(...good.map(({ error }) => error)) + 2,
    toDatabase(t) {
      let low = 0;
      let high = good.length - 1;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (good[middle]!.t < t) low = middle + 1;
        else high = middle;
      }
      const after = good[low]!;
      const before = good[Math.max(0, low - 1)]!;
      const nearest = Math.abs(after.t - t) < Math.abs(before.t - t) ? after : before;
      return t + (nearest.at - nearest.t);
    },
  };
}

/** Faults come one at a time, so what stops the pool is one fault alone. */
function outagesOf(
  faults: readonly FaultEntry[],
  toDatabase: (t: number) => number,
): { from: number; lifted: number; healed: number }[] {
  return faults
    .filter(stopsThePool)
    .map(({ t, lifted, healed }) => ({
      from: toDatabase(t),
      lifted: toDatabase(lifted),
      healed: toDatabase(healed),
    }))
    .toSorted((a, b) => a.from - b.from);
}

function stopsThePool({ down }: FaultEntry): boolean {
  return down.includes('database') || (down.includes('replica-0') && down.includes('replica-1'));
}

/** How much of the time between was lost: the database did not answer, or no replica that was up ran. */
export function stalledMs(timeline: Timeline, from: number, to: number): number {
  const { toDatabase } = timeline;
  const lost = (who: StallEntry['who']): number =>
    timeline
      .of('stall')
      .filter((stall) => stall.who === who)
      .reduce((sum, stall) => sum + overlap(toDatabase(stall.t), toDatabase(stall.end), from, to), 0);
  const isDown = (component: Component): boolean =>
    timeline
      .of('fault')
      .some(
        (fault) =>
          fault.down.includes(component) && toDatabase(fault.t) < to && toDatabase(fault.returned) > from,
      );
  const up = (['replica-0', 'replica-1'] as const).filter((replica) => !isDown(replica));
  return lost('database') + (up.length === 0 ? 0 : Math.min(...up.map(lost)));
}

function overlap(from: number, to: number, start: number, end: number): number {
  return Math.max(0, Math.min(to, end) - Math.max(from, start));
}

export function show(at: number): string {
  return new Date(at).toISOString().slice(11, 23);
}

import type { Limits } from '../limits.ts';
import type { Pace } from '../model.ts';

/*
 * Who does what when: accounts × posts, each account at its own pace from a start of its own, so that nothing happens
 * at the same moment. The limits hold within the plan; what other campaigns do besides is seen when an action's time
 * has come.
 */

export interface PlanWish {
  /** Epoch milliseconds: nothing is due before. */
  readonly startMs: number;
  readonly accounts: readonly PlanAccount[];
  readonly posts: readonly PlanPost[];
  readonly pace: Pace;
  readonly limits: Limits;
  /** 0 ≤ n < 1 */
  readonly random: () => number;
}

export interface PlanAccount {
  readonly accountId: string;
  /** Posts that it has an action for already. */
  readonly has: ReadonlySet<bigint>;
  /** When its last action is due; undefined: it has none, and begins within an interval. */
  readonly lastDueMs: number | undefined;
}

export interface PlanPost {
  readonly postId: bigint;
  /** Actions that it still gets. */
  readonly room: number;
  /** Nothing is done at it before. */
  readonly notBeforeMs: number;
}

export interface PlannedDue {
  readonly accountId: string;
  readonly postId: bigint;
  readonly dueMs: number;
}

export interface Plan {
  /** By due time. */
  readonly dues: readonly PlannedDue[];
  /** Pairs of an account and a post that are left out because the post has no room. */
  readonly withoutRoom: number;
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Bounds of the time between an account's actions: the shortest is never under the limit. */
export function gapBounds(pace: Pace, limits: Pick<Limits, 'accountGapMs'>): { least: number; most: number } {
  const { variation } = pace;
  const interval = Math.max(pace.intervalMs, limits.accountGapMs / (1 - variation));
  return { least: interval * (1 - variation), most: interval * (1 + variation) };
}

export function drawGap(bounds: { least: number; most: number }, random: () => number): number {
  return bounds.least + (bounds.most - bounds.least) * random();
}

export function planActions(wish: PlanWish): Plan {
  const { assigned, withoutRoom } = assign(wish);
  return { dues: schedule(wish, assigned), withoutRoom };
}

/** Which posts each account acts on: where a post has no room for all, whoever has least to do comes first. */
function assign({ accounts, posts, random }: PlanWish): { assigned: PlanPost[][]; withoutRoom: number } {
  const assigned: PlanPost[][] = accounts.map(() => []);
  const order = shuffled(
    accounts.map((_, index) => index),
    random,
  );
  let withoutRoom = 0;
  for (const post of posts) {
    const free = order.filter((index) => !accounts[index]!.has.has(post.postId));
    const room = Math.max(0, post.room);
    if (free.length > room) {
      const load = (index: number): number => accounts[index]!.has.size + assigned[index]!.length;
      free.sort((a, b) => load(a) - load(b));
      withoutRoom += free.length - room;
      free.length = room;
    }
    for (const index of free) assigned[index]!.push(post);
  }
  return { assigned, withoutRoom };
}

interface Turn {
  readonly at: number;
  readonly account: number;
}

function schedule(wish: PlanWish, assigned: readonly PlanPost[][]): PlannedDue[] {
  const { accounts, startMs, pace, limits, random } = wish;
  const bounds = gapBounds(pace, limits);
  // Each account in an order of its own, so that a post is not all accounts' first.
  const left = assigned.map((posts) =>
    shuffled(posts, random).toSorted((a, b) => b.notBeforeMs - a.notBeforeMs),
  );
  const dues: PlannedDue[] = [];
  const own: number[][] = accounts.map(() => []);
  const turns = createQueue();

  function queue(account: number, from: number): void {
    const post = left[account]!.at(-1);
    if (!post) return;
    const mine = own[account]!;
    const aDayAgo = mine[mine.length - limits.accountDaily];
    turns.push({
      account,
      at: Math.max(from, post.notBeforeMs, aDayAgo === undefined ? 0 : aDayAgo + DAY_MS),
    });
  }

  for (const [account, { lastDueMs }] of accounts.entries())
    queue(
      account,
      lastDueMs === undefined
        ? startMs + bounds.most * random()
        : Math.max(startMs, lastDueMs + drawGap(bounds, random)),
    );
  // Turns come in the order of time, and so do dues: what the hour has no room for moves all that follow.
  for (let turn = turns.pop(); turn; turn = turns.pop()) {
    const { account, at } = turn;
    const anHourAgo = dues[dues.length - limits.targetHourly];
    const dueMs = Math.max(at, anHourAgo === undefined ? 0 : anHourAgo.dueMs + HOUR_MS);
    const { postId } = left[account]!.pop()!;
    dues.push({ accountId: accounts[account]!.accountId, postId, dueMs });
    own[account]!.push(dueMs);
    queue(account, dueMs + drawGap(bounds, random));
  }
  return dues;
}

/** A binary heap: the earliest turn first. */
function createQueue(): { push(turn: Turn): void; pop(): Turn | undefined } {
  const heap: Turn[] = [];
  const isBefore = (a: number, b: number): boolean => heap[a]!.at < heap[b]!.at;
  const swap = (a: number, b: number): void => {
    [heap[a], heap[b]] = [heap[b]!, heap[a]!];
  };
  return {
    push(turn) {
      heap.push(turn);
      for (let at = heap.length - 1; at > 0;) {
        const parent = (at - 1) >> 1;
        if (!isBefore(at, parent)) return;
        swap(at, parent);
        at = parent;
      }
    },
    pop() {
      const first = heap[0];
      const last = heap.pop();
      if (first === undefined || heap.length === 0) return first;
      heap[0] = last!;
      for (let at = 0; ;) {
        let least = at;
        for (const child of [2 * at + 1, 2 * at + 2])
          if (child < heap.length && isBefore(child, least)) least = child;
        if (least === at) return first;
        swap(at, least);
        at = least;
      }
    },
  };
}

export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const copy = [...items];
  for (let last = copy.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [copy[last], copy[other]] = [copy[other]!, copy[last]!];
  }
  return copy;
}

/** One of them, each as often as its weight says. */
export function drawWeighted<T extends { readonly weight: number }>(
  items: readonly T[],
  random: () => number,
): T {
  let at = random() * items.reduce((sum, { weight }) => sum + weight, 0);
  for (const item of items) {
    at -= item.weight;
    if (at < 0) return item;
  }
  return items.at(-1)!;
}

/**
 * New times for what is still to be done after a pause: nothing comes sooner than it was to come, and what is overdue
 * is done at the pace, not at once. `dues` of one account, rising.
 */
export function paceAgain(
  dues: readonly number[],
  { nowMs, pace, limits, random }: { nowMs: number; pace: Pace; limits: Limits; random: () => number },
): number[] {
  const bounds = gapBounds(pace, limits);
  const times: number[] = [];
  for (const due of dues) {
    const last = times.at(-1);
    const next = last === undefined ? nowMs + bounds.most * random() : last + drawGap(bounds, random);
    times.push(due >= nowMs && last === undefined ? due : Math.max(due, next));
  }
  return times;
}

import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { monotonic, pause } from '../time.ts';
import { attempt, createRoute, nameOf } from './attempt.ts';
import { asTenant } from './site.ts';
import type { Post } from './traffic.ts';

const EVERY_MS = 50;
const DEADLINE_MS = 1_000;

/** What the nemesis waits for: the share of the pairs begun in the last second that went well. */
export interface Pace {
  readonly healthy: boolean;
  readonly done: Promise<void>;
}

/**
 * Twenty pairs a second, begun on time whatever became of those before: what of them succeeds is throughput,
 * measured without a closed loop's habit of slowing down with the system.
 */
export function runPacedPairs(post: Post): Pace {
  const { signal, site } = post;
  const caller = asTenant(site, site.tenants.paced, 'key:paced');
  const route = createRoute(0);
  const recent: boolean[] = [];
  const running = new Set<Promise<void>>();

  async function pair(): Promise<void> {
    const t = monotonic();
    const { replica } = route;
    const ok = await tryPair(post, caller.at(replica), replica);
    if (!ok && route.replica === replica) route.turn();
    post.recorder.write({ kind: 'tick', t, end: monotonic(), ok });
    recent.push(ok);
    if (recent.length > 1_000 / EVERY_MS) recent.shift();
  }

  async function run(): Promise<void> {
    let due = monotonic();
    while (!signal.aborted) {
      const began = pair().finally(() => running.delete(began));
      running.add(began);
      due = Math.max(due + EVERY_MS, monotonic() - EVERY_MS);
      await pause(due - monotonic(), signal);
    }
    await Promise.all(running);
    caller.close();
  }

  return {
    get healthy() {
      return recent.length >= 1_000 / EVERY_MS && recent.every(Boolean);
    },
    done: run(),
  };
}

async function tryPair(
  { recorder, site, name }: Post,
  client: ReturnType<ReturnType<typeof asTenant>['at']>,
  replica: number,
): Promise<boolean> {
  const acquired = await attempt(
    recorder,
    { op: 'acquire', client: name, via: 'unary', replica },
    async () => {
      const request = { holder: name, ttl: durationFromMs(site.ttlMs) };
      return (await client.acquireLease(request, { deadlineMs: DEADLINE_MS })).lease!;
    },
    nameOf,
  );
  if (acquired.outcome !== 'ok') return false;
  const { leaseId, fencingToken, sessionId } = acquired.answer;
  const named = { session: String(sessionId), lease: leaseId, token: String(fencingToken) };
  const released = await attempt(
    recorder,
    { op: 'release', client: name, via: 'unary', replica, ...named },
    () => client.releaseLease({ lease: { leaseId, fencingToken } }, { deadlineMs: DEADLINE_MS }),
    ({ endedNow }) => ({ endedNow }),
  );
  return released.outcome === 'ok';
}

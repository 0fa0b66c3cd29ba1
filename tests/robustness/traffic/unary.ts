import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { Lease } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { pause } from '../time.ts';
import { attempt, createRoute, nameOf, type Result, type Route } from './attempt.ts';
import { asTenant, type Caller } from './site.ts';
import type { Post } from './traffic.ts';

const DEADLINE_MS = 1_500;
const ATTEMPTS = 6;

/** Acquires, uses for a moment, and releases, forgets, reports, repeats, or tries what it no longer may. */
export async function runUnaryClient(post: Post): Promise<void> {
  const { random, signal, site, name } = post;
  const caller = asTenant(site, site.tenants.held, `key:${name}`);
  const route = createRoute(random.integer(0, 1));
  let turn = 0;
  while (!signal.aborted) {
    await pause(random.between(30, 150), signal);
    turn += 1;
    const lease = await acquire(post, caller, route, `${name}-${site.seed}-${turn}`);
    if (!lease) continue;
    await pause(random.between(20, 300), signal);
    if (random.chance(0.25)) await report(post, caller, route, lease);
    // Nobody renews it: it is reclaimed.
    if (random.chance(0.12)) continue;
    await releaseSurely(post, caller, route, lease);
    if (random.chance(0.3)) await tryStale(post, caller, route, lease);
  }
  caller.close();
}

async function acquire(post: Post, caller: Caller, route: Route, id: string): Promise<Lease | undefined> {
  const { random } = post;
  const requestId = random.chance(0.5) ? id : '';
  if (requestId !== '' && random.chance(0.3)) {
    // The same request at both replicas at once: one lease, or two answers that name the same.
    const both = await Promise.all([0, 1].map((replica) => acquireOnce(post, caller, replica, requestId)));
    return both.find((result) => result.outcome === 'ok')?.answer;
  }
  for (let tries = 1; ; tries += 1) {
    const result = await acquireOnce(post, caller, route.replica, requestId);
    if (result.outcome === 'ok') {
      if (requestId !== '' && random.chance(0.2))
        await acquireOnce(post, caller, 1 - route.replica, requestId);
      return result.answer;
    }
    if (result.outcome === 'failed') return undefined;
    route.turn();
    if (requestId === '' || tries === ATTEMPTS || post.signal.aborted) return undefined;
    await pause(random.between(50, 300), post.signal);
  }
}

async function acquireOnce(
  { recorder, name, site }: Post,
  caller: Caller,
  replica: number,
  requestId: string,
): Promise<Result<Lease>> {
  return attempt(
    recorder,
    { op: 'acquire', client: name, via: 'unary', replica, ...(requestId === '' ? {} : { requestId }) },
    async () => {
      const request = { holder: name, ttl: durationFromMs(site.ttlMs), requestId };
      const { lease } = await caller.at(replica).acquireLease(request, { deadlineMs: DEADLINE_MS });
      return lease!;
    },
    nameOf,
  );
}

/** Until it is answered: a release may be repeated. */
export async function releaseSurely(
  { recorder, name, random, signal }: Post,
  caller: Caller,
  route: Route,
  lease: Pick<Lease, 'leaseId' | 'sessionId' | 'fencingToken'>,
): Promise<void> {
  const { leaseId, fencingToken, sessionId } = lease;
  for (let tries = 1; tries <= ATTEMPTS; tries += 1) {
    const { replica } = route;
    const about = { client: name, session: String(sessionId), lease: leaseId, token: String(fencingToken) };
    const { outcome } = await attempt(
      recorder,
      { op: 'release', via: 'unary', replica, ...about },
      () =>
        caller.at(replica).releaseLease({ lease: { leaseId, fencingToken } }, { deadlineMs: DEADLINE_MS }),
      ({ endedNow }) => ({ endedNow }),
    );
    if (outcome !== 'unknown') return;
    route.turn();
    if (signal.aborted) return;
    await pause(random.between(50, 300), signal);
  }
}

async function report(
  { recorder, name, random }: Post,
  caller: Caller,
  route: Route,
  { leaseId, fencingToken, sessionId }: Lease,
): Promise<void> {
  const method = random.pick(['', 'messages.sendMessage', 'messages.getHistory']);
  const duration = durationFromMs(method === '' ? random.integer(100, 400) : random.integer(500, 2_000));
  const { replica } = route;
  const named = { session: String(sessionId), lease: leaseId, token: String(fencingToken) };
  await attempt(recorder, { op: 'report', client: name, via: 'unary', replica, ...named }, () =>
    caller
      .at(replica)
      .reportFloodWait({ lease: { leaseId, fencingToken }, method, duration }, { deadlineMs: DEADLINE_MS }),
  );
}

/** Proofs that were true once, and one that never was: none may change anything. */
async function tryStale(post: Post, caller: Caller, route: Route, lease: Lease): Promise<void> {
  const { recorder, name, random } = post;
  const { replica } = route;
  const { leaseId, sessionId } = lease;
  const fencingToken = random.chance(0.5) ? lease.fencingToken : lease.fencingToken + 1n;
  const named = { session: String(sessionId), lease: leaseId, token: String(fencingToken) };
  const about = { client: name, replica, stale: true, ...named };
  // Somebody else may have it by then.
  await pause(random.between(0, 400), post.signal);
  await attempt(
    recorder,
    { ...about, op: 'release', via: 'unary' },
    () => caller.at(replica).releaseLease({ lease: { leaseId, fencingToken } }, { deadlineMs: DEADLINE_MS }),
    ({ endedNow }) => ({ endedNow }),
  );
  await attempt(recorder, { ...about, op: 'report', via: 'unary' }, () =>
    caller
      .at(replica)
      .reportFloodWait(
        { lease: { leaseId, fencingToken }, method: 'stale', duration: durationFromMs(500) },
        { deadlineMs: DEADLINE_MS },
      ),
  );
  await attempt(recorder, { ...about, op: 'renew', via: 'hold' }, async () => {
    const stream = caller.at(replica).holdLease({ deadlineMs: DEADLINE_MS });
    await stream.send({ action: { case: 'attach', value: { leaseId, fencingToken } } });
    try {
      for await (const { event } of stream.responses) if (event.case === 'granted') return;
    } finally {
      stream.cancel();
    }
    throw new Error('the stream ended without an answer');
  });
}

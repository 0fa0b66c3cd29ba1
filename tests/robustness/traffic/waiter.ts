import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { pause } from '../time.ts';
import { attempt, createRoute, nameOf } from './attempt.ts';
import { asTenant } from './site.ts';
import type { Post } from './traffic.ts';
import { releaseSurely } from './unary.ts';

const WAIT_MS = 3_000;
const DEADLINE_MS = 4_000;

/** Waits in the queue for one of too few sessions; now and then gives up while it waits. */
export async function runWaiter(post: Post): Promise<void> {
  const { random, signal, site, name, recorder } = post;
  const caller = asTenant(site, site.tenants.queued, `key:${name}`);
  const route = createRoute(random.integer(0, 1));
  while (!signal.aborted) {
    await pause(random.between(10, 200), signal);
    const { replica } = route;
    const givesUp = random.chance(0.1) ? AbortSignal.timeout(random.integer(20, 800)) : undefined;
    const result = await attempt(
      recorder,
      { op: 'acquire', client: name, via: 'unary', replica },
      async () => {
        const request = {
          holder: name,
          ttl: durationFromMs(site.ttlMs),
          wait: durationFromMs(WAIT_MS),
        };
        const options = { deadlineMs: DEADLINE_MS, signal: givesUp };
        const { lease } = await caller.at(replica).acquireLease(request, options);
        return lease!;
      },
      nameOf,
    );
    if (result.outcome === 'unknown' && !givesUp?.aborted) route.turn();
    if (result.outcome !== 'ok') continue;
    await pause(random.between(50, 250), signal);
    if (random.chance(0.03)) continue;
    await releaseSurely(post, caller, route, result.answer);
  }
  caller.close();
}

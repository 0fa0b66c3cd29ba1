import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { pause } from '../time.ts';
import { attempt, createRoute } from './attempt.ts';
import { asTenant } from './site.ts';
import type { Post } from './traffic.ts';

const DEADLINE_MS = 1_500;

/** Takes a lease from somebody now and then, at once or with a moment to finish. */
export async function runOperator({ random, signal, site, name, recorder }: Post): Promise<void> {
  const caller = asTenant(site, site.tenants.held, 'key:operator');
  const route = createRoute(random.integer(0, 1));
  while (!signal.aborted) {
    await pause(random.between(1_000, 3_000), signal);
    const client = caller.at(route.replica);
    const listed = await client
      .listLeases({ pageSize: 100 }, { deadlineMs: DEADLINE_MS })
      .catch(() => undefined);
    if (!listed) route.turn();
    if (!listed || listed.leases.length === 0) continue;
    const { leaseId, sessionId } = random.pick(listed.leases);
    const grace = random.chance(0.5) ? durationFromMs(random.integer(300, 1_500)) : undefined;
    const about = { client: name, replica: route.replica, session: String(sessionId), lease: leaseId };
    await attempt(recorder, { op: 'revoke', via: 'unary', ...about }, () =>
      client.revokeLease({ leaseId, grace, reason: 'robustness' }, { deadlineMs: DEADLINE_MS }),
    );
  }
  caller.close();
}

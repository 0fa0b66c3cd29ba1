import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { MessagingService } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { LeaseAccess } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { monotonic, pause } from '../time.ts';
import { callerOf, clientsOf } from './clients.ts';
import type { Member } from './mesh.ts';
import type { Post } from './post.ts';
import { newWish, send, type Wish } from './senders.ts';

const TTL_MS = 8_000;
const RENEW_MS = 2_000;
const POOL_DEADLINE_MS = 8_000;
const REVOKE_EVERY_MS = 4_000;

/** Sends under leases of callers' own, which an operator takes away again and again; the wish goes on under the next. */
export function startLenders(post: Post): Promise<void> {
  const { mesh, recorder, random, signal, lastCall } = post;
  const { lent, members, addresses, poolAddresses, cluster } = mesh;
  const { tenantId } = lent[0]!;
  const caller = callerOf(tenantId, 'key:lender');
  const clients = clientsOf(MessagingService, addresses, cluster.meshKey, caller);
  const pools = clientsOf(SessionPoolService, poolAddresses, cluster.meshKey, caller);

  async function lend(member: Member, chance: typeof random): Promise<void> {
    const { sessionId } = member;
    let wish: Wish | undefined;
    while (!signal.aborted || (wish && !lastCall.aborted)) {
      const pool = pools.at(chance.integer(0, 1));
      const lease = await pool
        .acquireLease(
          {
            selector: { sessionId },
            holder: 'a desk',
            ttl: durationFromMs(TTL_MS),
            wait: durationFromMs(5_000),
            access: LeaseAccess.MEDIATED,
          },
          { deadlineMs: POOL_DEADLINE_MS },
        )
        .then(
          (answer) => answer.lease,
          () => undefined,
        );
      if (!lease) {
        await pause(chance.between(100, 500));
        continue;
      }
      const value = { leaseId: lease.leaseId, fencingToken: lease.fencingToken };
      const actor = { actor: { case: 'lease', value } } as const;
      const isOver = new AbortController();
      const renewing = renew(value, isOver.signal, chance);
      let left = chance.integer(3, 40);
      let isLost = false;
      while (left > 0 && !isLost) {
        wish ??= signal.aborted ? undefined : newWish(member, chance.pick(members));
        if (!wish) break;
        const replica = chance.integer(0, 1);
        const entry = await send(post, clients.at(replica), wish, { actor, under: 'lease', replica });
        if (entry.outcome === 'ok') {
          wish = undefined;
          left -= 1;
        } else if (entry.reason === 'LEASE_LOST') isLost = true;
        else if (lastCall.aborted) break;
        await pause(chance.between(40, 250));
      }
      isOver.abort();
      await renewing;
      if (!isLost) await pool.releaseLease({ lease: value }, { deadlineMs: 3_000 }).catch(() => undefined);
      const end = isLost ? 'lost' : 'released';
      recorder.write({ kind: 'lent', t: monotonic(), session: String(sessionId), end });
    }
    if (wish) recorder.write({ kind: 'given-up', t: monotonic(), request: wish.request, reason: 'no lease' });
  }

  async function renew(
    lease: { leaseId: string; fencingToken: bigint },
    isOver: AbortSignal,
    chance: typeof random,
  ): Promise<void> {
    while (!isOver.aborted) {
      await pause(RENEW_MS, isOver);
      if (isOver.aborted) return;
      const stream = pools.at(chance.integer(0, 1)).manageLeases();
      try {
        void stream.send({ id: '1', action: { case: 'renew', value: { leases: [lease] } } });
        for await (const { id } of stream.responses) if (id === '1') break;
      } catch {
        // The next renewal comes soon enough, or the lease is lost and a send says so.
      } finally {
        stream.cancel();
      }
    }
  }

  const loops = lent.map((member, index) => lend(member, random.fork(`lender ${index}`)));
  return Promise.all([...loops, revoke(post)]).then(() => {
    clients.close();
    pools.close();
  });
}

/** An operator who takes leases away: those of callers, and those of messaging itself. */
async function revoke({ mesh, random, signal }: Post): Promise<void> {
  const chance = random.fork('operator');
  const { lent, members, poolAddresses, cluster } = mesh;
  const operators = [lent[0]!, members[0]!].map(({ tenantId }) =>
    clientsOf(
      SessionPoolService,
      poolAddresses,
      cluster.meshKey,
      callerOf(tenantId, 'key:operator', 'operator'),
    ),
  );
  while (!signal.aborted) {
    await pause(chance.between(REVOKE_EVERY_MS / 2, REVOKE_EVERY_MS * 1.5), signal);
    const pool = chance.pick(operators).at(chance.integer(0, 1));
    try {
      const { leases } = await pool.listLeases({}, { deadlineMs: 2_000 });
      if (leases.length > 0)
        await pool.revokeLease({ leaseId: chance.pick(leases).leaseId }, { deadlineMs: 2_000 });
    } catch {
      // The pool is away, or the lease is over already.
    }
  }
  for (const operator of operators) operator.close();
}

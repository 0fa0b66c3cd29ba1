import { randomUUID } from 'node:crypto';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import {
  AssignmentPolicy,
  AssignmentState,
  ProxyState,
  type Assignment,
} from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import * as requests from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { egressRoutes } from '../egress/routes.ts';
import { proxyRoutes } from '../proxies/routes.ts';
import {
  addProxies,
  callOf,
  meshCallOf,
  openTestRegistry,
  refusal,
  setState,
  wrongCounts,
  type TestRegistry,
} from '../test-registry.ts';
import { assignmentRoutes } from './routes.ts';

let registry: TestRegistry;
beforeAll(async () => {
  registry = await openTestRegistry();
});
afterAll(() => registry.close());

type AssignInit = MessageInitShape<typeof requests.AssignProxyRequestSchema>;

function assigner(of = registry) {
  const routes = assignmentRoutes(of);
  return async (ctx: CallContext, request: AssignInit): Promise<Assignment> => {
    const answer = await routes.assignProxy(create(requests.AssignProxyRequestSchema, request), ctx);
    return answer.assignment as Assignment;
  };
}

async function list(
  ctx: CallContext,
  request: MessageInitShape<typeof requests.ListAssignmentsRequestSchema> = {},
): Promise<requests.ListAssignmentsResponse> {
  const whole = create(requests.ListAssignmentsRequestSchema, request);
  return (await assignmentRoutes(registry).listAssignments(whole, ctx)) as requests.ListAssignmentsResponse;
}

function hold(tenantId: string, accountId: string) {
  const request = create(requests.ResolveEgressRequestSchema, { accountId, processId: 'p' });
  return egressRoutes(registry).resolveEgress(
    request,
    meshCallOf(tenantId),
  ) as Promise<requests.ResolveEgressResponse>;
}

const tenant = () => {
  const tenantId = randomUUID();
  return { tenantId, ctx: callOf(tenantId) };
};

describe('an account', () => {
  test('gets the least used proxy, and keeps it', async () => {
    const { tenantId, ctx } = tenant();
    const assign = assigner();
    const proxies = await addProxies(registry, tenantId, 3);
    const accounts = Array.from({ length: 6 }, () => randomUUID());
    const first: string[] = [];
    for (const accountId of accounts) first.push((await assign(ctx, { accountId })).proxyId);
    expect(first).toEqual([...proxies, ...proxies]);
    await addProxies(registry, tenantId, 1);
    for (const [index, accountId] of accounts.entries())
      expect(await assign(ctx, { accountId })).toMatchObject({
        proxyId: first[index],
        state: AssignmentState.ASSIGNED,
        policy: AssignmentPolicy.STICKY,
      });
  });

  test('gets the proxy that is named while there is room', async () => {
    const { tenantId, ctx } = tenant();
    const assign = assigner();
    const [small, other] = await addProxies(registry, tenantId, 2, { capacity: 1 });
    const accountId = randomUUID();
    expect((await assign(ctx, { accountId, proxyId: small })).proxyId).toBe(small);
    expect((await assign(ctx, { accountId, proxyId: small })).proxyId).toBe(small);
    const full = await refusal(assign(ctx, { accountId: randomUUID(), proxyId: small }));
    expect(full.reason).toBe(ErrorReason.QUOTA_EXCEEDED);
    expect((await assign(ctx, { accountId, proxyId: other })).proxyId).toBe(other);
    expect((await assign(ctx, { accountId: randomUUID(), proxyId: small })).proxyId).toBe(small);
    const none = await refusal(assign(ctx, { accountId: randomUUID() }));
    expect(none.reason).toBe(ErrorReason.QUOTA_EXCEEDED);
    const { assignments } = await list(ctx);
    expect(assignments.map(({ proxyId }) => proxyId)).toEqual([other, small]);
  });

  test('gets one that fits and works, a slow one only when there is no other', async () => {
    const { tenantId, ctx } = tenant();
    const assign = assigner();
    const [german] = await addProxies(registry, tenantId, 1, { country: 'DE', labels: { tier: 'a' } });
    const [slow] = await addProxies(registry, tenantId, 1, { state: ProxyState.SLOW });
    await addProxies(registry, tenantId, 1, { state: ProxyState.DOWN });
    const [quick] = await addProxies(registry, tenantId, 1, { capacity: 1 });
    const get = async (more: AssignInit = {}) =>
      (await assign(ctx, { accountId: randomUUID(), ...more })).proxyId;
    expect(await get({ country: 'de' })).toBe(german);
    expect(await get({ labels: { tier: 'a' } })).toBe(german);
    expect(await get()).toBe(quick);
    expect(await get()).toBe(german);
    await setState(registry, german!, ProxyState.DOWN);
    expect(await get()).toBe(slow);
    const error = await refusal(assign(ctx, { accountId: randomUUID(), country: 'FR' }));
    expect(error.reason).toBe(ErrorReason.QUOTA_EXCEEDED);
  });

  test('moves when it no longer fits what is asked for', async () => {
    const { tenantId, ctx } = tenant();
    const assign = assigner();
    const [german] = await addProxies(registry, tenantId, 1, { country: 'DE' });
    const [french] = await addProxies(registry, tenantId, 1, { country: 'FR' });
    const accountId = randomUUID();
    expect((await assign(ctx, { accountId, country: 'DE' })).proxyId).toBe(german);
    expect((await assign(ctx, { accountId, country: 'FR' })).proxyId).toBe(french);
    await setState(registry, french!, ProxyState.DOWN);
    await refusal(assign(ctx, { accountId, country: 'FR' }));
    expect((await list(ctx, { accountId })).assignments[0]).toMatchObject({ proxyId: french, country: 'FR' });
    expect((await assign(ctx, { accountId })).proxyId).toBe(german);
  });

  test('takes its turn', async () => {
    const { tenantId, ctx } = tenant();
    const proxies = await addProxies(registry, tenantId, 3);
    const policy = AssignmentPolicy.ROUND_ROBIN;
    const got: string[] = [];
    for (let index = 0; index < 7; index += 1)
      got.push((await assigner()(ctx, { accountId: randomUUID(), policy })).proxyId);
    expect(got).toEqual([...proxies, ...proxies, proxies[0]]);
    // All in one batch.
    const assign = assigner();
    const more = await Promise.all(
      Array.from({ length: 5 }, () => assign(ctx, { accountId: randomUUID(), policy })),
    );
    expect(more.map(({ proxyId }) => proxyId)).toEqual([1, 2, 0, 1, 2].map((index) => proxies[index]));
  });

  test('is drawn among those with room', async () => {
    const { tenantId, ctx } = tenant();
    const proxies = await addProxies(registry, tenantId, 5, { capacity: 2 });
    const assign = assigner();
    const policy = AssignmentPolicy.RANDOM;
    const got = await Promise.all(
      Array.from({ length: 10 }, () => assign(ctx, { accountId: randomUUID(), policy })),
    );
    expect(got.map(({ proxyId }) => proxyId).toSorted()).toEqual([...proxies, ...proxies].toSorted());
  });

  test('with a live socket is not moved, nor taken off its proxy', async () => {
    const { tenantId, ctx } = tenant();
    const assign = assigner();
    const [mine, other] = await addProxies(registry, tenantId, 2);
    const accountId = randomUUID();
    await assign(ctx, { accountId, proxyId: mine });
    const { holdId } = await hold(tenantId, accountId);
    expect((await list(ctx)).assignments[0]!.inUse).toBe(true);
    expect((await assign(ctx, { accountId, proxyId: mine })).proxyId).toBe(mine);
    const error = await refusal(assign(ctx, { accountId, proxyId: other }));
    expect(error).toMatchObject({ reason: ErrorReason.SESSION_LEASED, metadata: { holder: 'p' } });
    const release = () =>
      assignmentRoutes(registry).releaseAssignment(
        create(requests.ReleaseAssignmentRequestSchema, { accountId }),
        ctx,
      );
    expect((await refusal(release())).reason).toBe(ErrorReason.SESSION_LEASED);
    const mesh = egressRoutes(registry);
    await mesh.holdEgress(
      create(requests.HoldEgressRequestSchema, { processId: 'p', closedHoldIds: [holdId] }),
      meshCallOf(tenantId),
    );
    expect((await assign(ctx, { accountId, proxyId: other })).proxyId).toBe(other);
    await release();
    await release();
    expect((await list(ctx)).assignments).toEqual([]);
  });

  test("of another tenant's proxy learns nothing", async () => {
    const { ctx } = tenant();
    const [theirs] = await addProxies(registry, randomUUID(), 1);
    const accountId = randomUUID();
    const error = await refusal(assigner()(ctx, { accountId, proxyId: theirs }));
    expect(error.reason).toBe(ErrorReason.NOT_FOUND);
    expect((await list(ctx, { proxyId: theirs })).assignments).toEqual([]);
  });

  test('of a file is known by its session, and stays where it is when its account is known', async () => {
    const { tenantId, ctx } = tenant();
    const assign = assigner();
    const [first, second] = await addProxies(registry, tenantId, 2);
    await assign(ctx, { sessionId: 7n, proxyId: second });
    const accountId = randomUUID();
    expect(await assign(ctx, { accountId, sessionId: 7n })).toMatchObject({ proxyId: second, accountId });
    expect((await list(ctx)).assignments).toHaveLength(1);
    // Both had a proxy: the account's own counts.
    await assign(ctx, { sessionId: 8n, proxyId: second });
    const other = randomUUID();
    await assign(ctx, { accountId: other, proxyId: first });
    expect(await assign(ctx, { accountId: other, sessionId: 8n })).toMatchObject({
      proxyId: first,
      sessionId: 8n,
    });
    expect((await list(ctx)).assignments).toHaveLength(2);
    // Unless a socket of the session lives: then it stays where that is.
    const third = randomUUID();
    await assign(ctx, { sessionId: 9n, proxyId: second });
    await egressRoutes(registry).resolveEgress(
      create(requests.ResolveEgressRequestSchema, { sessionId: 9n, processId: 'p' }),
      meshCallOf(tenantId),
    );
    await assign(ctx, { accountId: third, proxyId: first });
    expect(await assign(ctx, { accountId: third, sessionId: 9n, proxyId: second })).toMatchObject({
      proxyId: second,
      inUse: true,
    });
    expect((await list(ctx)).assignments).toHaveLength(3);
    expect(await wrongCounts(registry)).toEqual([]);
  });
});

describe('a repeated request', () => {
  test('gets its first answer, in one batch, in several, and after the assignment changed', async () => {
    const { tenantId, ctx } = tenant();
    const [one, two] = await addProxies(registry, tenantId, 2);
    const assign = assigner();
    const accountId = randomUUID();
    const request = { accountId, proxyId: one, requestId: 'a' };
    const [first, again] = await Promise.all([assign(ctx, request), assign(ctx, request)]);
    expect(again).toEqual(first);
    await assign(ctx, { accountId, proxyId: two });
    const replicas = [assigner(), assigner(), assigner()];
    for (const answer of await Promise.all(replicas.map((replica) => replica(ctx, request))))
      expect(answer).toEqual(first);
    expect((await list(ctx)).assignments[0]!.proxyId).toBe(two);
    const reused = await Promise.all([
      refusal(assign(ctx, { ...request, proxyId: two })),
      refusal(replicas[0]!(ctx, { ...request, accountId: randomUUID() })),
    ]);
    for (const { reason } of reused) expect(reason).toBe(ErrorReason.REQUEST_ID_REUSED);
    const bothNew = await Promise.allSettled([
      assign(ctx, { accountId: randomUUID(), requestId: 'b' }),
      assign(ctx, { accountId: randomUUID(), requestId: 'b' }),
    ]);
    expect(bothNew.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  test('that is a new one at several replicas at once happens once', async () => {
    const { tenantId, ctx } = tenant();
    await addProxies(registry, tenantId, 4, { capacity: 1 });
    const replicas = Array.from({ length: 4 }, () => assigner());
    const request = { accountId: randomUUID(), requestId: 'same', policy: AssignmentPolicy.RANDOM };
    const answers = await Promise.all(replicas.map((replica) => replica(ctx, request)));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });
});

describe('room', () => {
  test('is never exceeded, by any number of replicas at once, whatever is asked for', async () => {
    const policies = fc.constantFrom(...([1, 2, 3, 4] as AssignmentPolicy[]));
    const step = fc.record({
      account: fc.nat(30),
      replica: fc.nat(2),
      what: fc.constantFrom('assign', 'assign', 'assign', 'named', 'release', 'resolve', 'delete'),
      proxy: fc.nat(5),
      policy: policies,
      labels: fc.constantFrom<Record<string, string>>({}, { tier: 'a' }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 6, maxLength: 6 }),
        fc.array(step, { minLength: 20, maxLength: 80 }),
        async (capacities, steps) => {
          const { tenantId, ctx } = tenant();
          const proxies: string[] = [];
          for (const [index, capacity] of capacities.entries())
            proxies.push(
              ...(await addProxies(registry, tenantId, 1, {
                capacity,
                labels: index % 2 ? { tier: 'a' } : {},
              })),
            );
          const accounts = Array.from({ length: 31 }, () => randomUUID());
          const replicas = Array.from({ length: 3 }, () => ({
            ...assignmentRoutes(registry),
            ...egressRoutes(registry),
            ...proxyRoutes(registry),
          }));
          const outcomes = await Promise.allSettled(
            steps.map(({ account, replica, what, proxy, policy, labels }) => {
              const accountId = accounts[account]!;
              const proxyId = proxies[proxy]!;
              const routes = replicas[replica]!;
              if (what === 'assign')
                return routes.assignProxy(
                  create(requests.AssignProxyRequestSchema, { accountId, policy, labels }),
                  ctx,
                );
              if (what === 'named')
                return routes.assignProxy(
                  create(requests.AssignProxyRequestSchema, { accountId, proxyId }),
                  ctx,
                );
              if (what === 'release')
                return routes.releaseAssignment(
                  create(requests.ReleaseAssignmentRequestSchema, { accountId }),
                  ctx,
                );
              if (what === 'resolve')
                return routes.resolveEgress(
                  create(requests.ResolveEgressRequestSchema, { accountId, processId: 'p' }),
                  meshCallOf(tenantId),
                );
              return routes.deleteProxy(
                create(requests.DeleteProxyRequestSchema, { proxyId, force: true }),
                ctx,
              );
            }),
          );
          expect(
            outcomes.filter(
              (outcome) => outcome.status === 'rejected' && !(outcome.reason instanceof DomainError),
            ),
          ).toEqual([]);
          expect(await wrongCounts(registry)).toEqual([]);
          const { rows } = await sql`
            select proxy_id from proxies join proxy_status using (proxy_id)
            where assigned_count > capacity and proxies.tenant_id = ${tenantId}::uuid`.execute(
            registry.database.kysely,
          );
          expect(rows).toEqual([]);
        },
      ),
      { numRuns: 25 },
    );
  }, 60_000);

  test('5,000 accounts find theirs on 500 proxies, one call each', async () => {
    const { tenantId, ctx } = tenant();
    await addProxies(registry, tenantId, 500, { capacity: 10 });
    const assign = assigner();
    let next = 0;
    await Promise.all(
      Array.from({ length: 256 }, async () => {
        while ((next += 1) <= 5_000) await assign(ctx, { accountId: randomUUID() });
      }),
    );
    const { rows } = await sql<{ fewest: number; most: number }>`
      select min(assigned_count) as fewest, max(assigned_count) as most
      from proxy_status where tenant_id = ${tenantId}::uuid`.execute(registry.database.kysely);
    expect(rows).toEqual([{ fewest: 10, most: 10 }]);
    expect((await refusal(assign(ctx, { accountId: randomUUID() }))).reason).toBe(ErrorReason.QUOTA_EXCEEDED);
  }, 60_000);
});

describe('a proxy that is deleted', () => {
  const remove = (ctx: CallContext, proxyId: string, force = false) =>
    proxyRoutes(registry).deleteProxy(create(requests.DeleteProxyRequestSchema, { proxyId, force }), ctx);

  test('leaves its accounts to others by their own policies, and the rest waits', async () => {
    const { tenantId, ctx } = tenant();
    const assign = assigner();
    const [gone] = await addProxies(registry, tenantId, 1, { country: 'DE' });
    const german = randomUUID();
    await assign(ctx, { accountId: german, country: 'DE' });
    const anywhere = Array.from({ length: 4 }, () => randomUUID());
    for (const accountId of anywhere) await assign(ctx, { accountId });
    const [small] = await addProxies(registry, tenantId, 1, { capacity: 3 });
    await remove(ctx, gone!);
    const { assignments } = await list(ctx);
    const states = new Map(assignments.map(({ accountId, state }) => [accountId, state]));
    expect(states.get(german)).toBe(AssignmentState.WAITING);
    expect(assignments.filter(({ proxyId }) => proxyId === small)).toHaveLength(3);
    expect((await list(ctx, { state: AssignmentState.WAITING })).assignments).toHaveLength(2);
    expect(await wrongCounts(registry)).toEqual([]);
  });

  test('is kept while a socket uses it, unless by force; then the socket hears of it', async () => {
    const { tenantId, ctx } = tenant();
    const [proxyId] = await addProxies(registry, tenantId, 1);
    const accountId = randomUUID();
    const { holdId } = await hold(tenantId, accountId);
    expect((await refusal(remove(ctx, proxyId!))).reason).toBe(ErrorReason.SESSION_LEASED);
    await remove(ctx, proxyId!, true);
    const { lostHoldIds } = await egressRoutes(registry).holdEgress(
      create(requests.HoldEgressRequestSchema, { processId: 'p', holdIds: [holdId] }),
      meshCallOf(tenantId),
    );
    expect(lostHoldIds).toEqual([holdId]);
    expect((await list(ctx)).assignments[0]!.state).toBe(AssignmentState.WAITING);
  });

  test('may be the default', async () => {
    const { tenantId, ctx } = tenant();
    const [gone, other] = await addProxies(registry, tenantId, 2);
    const of = registry.with({ defaultProxy: { tenantId, proxyId: gone! } });
    const assign = assigner(of);
    expect((await assign(ctx, { accountId: randomUUID() })).proxyId).toBe(gone);
    await proxyRoutes(of).deleteProxy(create(requests.DeleteProxyRequestSchema, { proxyId: gone! }), ctx);
    expect((await list(ctx)).assignments[0]!.proxyId).toBe(other);
    expect((await assign(ctx, { accountId: randomUUID() })).proxyId).toBe(other);
  });

  test('moves thousands', async () => {
    const { tenantId, ctx } = tenant();
    const [crowded] = await addProxies(registry, tenantId, 1, { capacity: 5_000 });
    const assign = assigner();
    await Promise.all(Array.from({ length: 2_500 }, () => assign(ctx, { accountId: randomUUID() })));
    await addProxies(registry, tenantId, 300, { capacity: 8 });
    await remove(ctx, crowded!);
    const { rows } = await sql<{ state: number; count: number }>`
      select state, count(*)::integer as count from assignments
      where tenant_id = ${tenantId}::uuid group by state order by state`.execute(registry.database.kysely);
    expect(rows).toEqual([
      { state: AssignmentState.ASSIGNED, count: 2_400 },
      { state: AssignmentState.WAITING, count: 100 },
    ]);
  }, 30_000);
});

test('a list comes in pages', async () => {
  const { tenantId, ctx } = tenant();
  const assign = assigner();
  await addProxies(registry, tenantId, 1);
  const accounts = Array.from({ length: 5 }, () => randomUUID());
  for (const accountId of accounts) await assign(ctx, { accountId });
  const first = await list(ctx, { pageSize: 3 });
  const second = await list(ctx, { pageSize: 3, pageToken: first.nextPageToken });
  expect([...first.assignments, ...second.assignments].map(({ accountId }) => accountId)).toEqual(accounts);
  expect(second.nextPageToken).toBe('');
});

test('after all of this every count is what the assignments say', async () => {
  expect(await wrongCounts(registry)).toEqual([]);
});

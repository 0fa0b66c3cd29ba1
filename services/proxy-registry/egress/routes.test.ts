import { randomUUID, randomUUIDv7 } from 'node:crypto';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { AssignmentPolicy, AssignmentState, ProxyState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import * as requests from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { assignmentRoutes } from '../assignments/routes.ts';
import { storePasswords } from '../proxies/passwords.ts';
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
import { forgetHolds } from './holds.ts';
import { egressRoutes } from './routes.ts';

let registry: TestRegistry;
beforeAll(async () => {
  registry = await openTestRegistry();
});
afterAll(() => registry.close());

type Init = MessageInitShape<typeof requests.ResolveEgressRequestSchema>;

function resolver(tenantId: string, of = registry) {
  const routes = egressRoutes(of);
  return async (request: Init): Promise<requests.ResolveEgressResponse> => {
    const whole = create(requests.ResolveEgressRequestSchema, { processId: 'p', ...request });
    return (await routes.resolveEgress(whole, meshCallOf(tenantId))) as requests.ResolveEgressResponse;
  };
}

function hold(
  request: MessageInitShape<typeof requests.HoldEgressRequestSchema>,
): Promise<requests.HoldEgressResponse> {
  const whole = create(requests.HoldEgressRequestSchema, { processId: 'p', ...request });
  return egressRoutes(registry).holdEgress(whole, meshCallOf('')) as Promise<requests.HoldEgressResponse>;
}

const letGo = (...closedHoldIds: string[]) => hold({ closedHoldIds });

function assign(tenantId: string, request: MessageInitShape<typeof requests.AssignProxyRequestSchema>) {
  const whole = create(requests.AssignProxyRequestSchema, request);
  return assignmentRoutes(registry).assignProxy(whole, callOf(tenantId));
}

async function assignments(tenantId: string) {
  const whole = create(requests.ListAssignmentsRequestSchema, {});
  return (
    (await assignmentRoutes(registry).listAssignments(
      whole,
      callOf(tenantId),
    )) as requests.ListAssignmentsResponse
  ).assignments;
}

function proxyOf(answer: requests.ResolveEgressResponse): string {
  return answer.egress.case === 'proxy' ? answer.egress.value.proxyId : String(answer.egress.case);
}

const noEgress = { reason: ErrorReason.NO_EGRESS };

describe('an account with a proxy', () => {
  test('is told its pinned address and password, until when, and is held', async () => {
    const tenantId = randomUUID();
    const [proxyId] = await addProxies(registry, tenantId, 1);
    await storePasswords(registry.database.kysely, registry.masterKeys, [
      { proxy_id: proxyId!, tenant_id: tenantId, password: 'secret' },
    ]);
    const answer = await resolver(tenantId)({ accountId: randomUUID(), sessionId: 5n });
    expect(answer.egress).toMatchObject({
      case: 'proxy',
      value: { proxyId, password: 'secret', port: 1080 },
    });
    expect(answer.pinnedAddress).toBe('198.41.0.4');
    const { rows } = await sql<{ at: Date }>`select clock_timestamp() as at`.execute(
      registry.database.kysely,
    );
    const left = timestampMs(answer.expireTime!) - rows[0]!.at.getTime();
    expect(left).toBeGreaterThan(50_000);
    expect(left).toBeLessThanOrEqual(60_000);
    expect((await assignments(tenantId))[0]).toMatchObject({ proxyId, sessionId: 5n, inUse: true });
  });

  test('keeps it when others come, and waits while it is down', async () => {
    const tenantId = randomUUID();
    const resolve = resolver(tenantId);
    const [mine] = await addProxies(registry, tenantId, 1);
    const accountId = randomUUID();
    await letGo((await resolve({ accountId })).holdId);
    await addProxies(registry, tenantId, 3);
    const again = await resolve({ accountId });
    expect(proxyOf(again)).toBe(mine);
    await letGo(again.holdId);
    await setState(registry, mine!, ProxyState.DOWN);
    const error = await refusal(resolve({ accountId }));
    expect(error).toMatchObject(noEgress);
    expect((await assignments(tenantId))[0]!.proxyId).toBe(mine);
    await setState(registry, mine!, ProxyState.SLOW);
    expect(proxyOf(await resolve({ accountId }))).toBe(mine);
  });

  test('gets another for good where the deployment says so, and stays held to it', async () => {
    const tenantId = randomUUID();
    const resolve = resolver(tenantId, registry.with({ whenDown: 'replace' }));
    const [mine, other] = await addProxies(registry, tenantId, 2);
    const accountId = randomUUID();
    const first = await resolve({ accountId });
    await setState(registry, mine!, ProxyState.DOWN);
    expect(proxyOf(await resolve({ accountId }))).toBe(mine);
    await sql`delete from holds where tenant_id = ${tenantId}::uuid`.execute(registry.database.kysely);
    expect(proxyOf(first)).toBe(mine);
    const moved = await resolve({ accountId });
    expect(proxyOf(moved)).toBe(other);
    await letGo(moved.holdId);
    await setState(registry, mine!, ProxyState.UP);
    expect(proxyOf(await resolve({ accountId }))).toBe(other);
  });

  test.each([[AssignmentPolicy.RANDOM], [AssignmentPolicy.LEAST_USED]])(
    'of policy %i chooses anew at each connection, and not while a socket lives',
    async (policy) => {
      const tenantId = randomUUID();
      const proxies = await addProxies(registry, tenantId, 3, { capacity: 5 });
      const resolve = resolver(tenantId);
      const accountId = randomUUID();
      await assign(tenantId, { accountId, policy });
      const seen = new Set<string>();
      for (let index = 0; index < (policy === AssignmentPolicy.RANDOM ? 30 : 6); index += 1) {
        const answer = await resolve({ accountId });
        expect(proxyOf(await resolve({ accountId }))).toBe(proxyOf(answer));
        seen.add(proxyOf(answer));
        await sql`delete from holds where tenant_id = ${tenantId}::uuid`.execute(registry.database.kysely);
        if (policy === AssignmentPolicy.LEAST_USED)
          await assign(tenantId, { accountId: randomUUID(), proxyId: proxyOf(answer) });
      }
      expect([...seen].toSorted()).toEqual(proxies.toSorted());
    },
  );
});

describe('an account without a proxy', () => {
  test('gets one by policy, and waits when there is none with room', async () => {
    const tenantId = randomUUID();
    const resolve = resolver(tenantId, registry.with({ allowDirect: true }));
    const [only] = await addProxies(registry, tenantId, 1, { capacity: 1 });
    expect(proxyOf(await resolve({ accountId: randomUUID() }))).toBe(only);
    const late = randomUUID();
    // That the deployment allows direct connections is for tenants that have no proxies.
    expect(await refusal(resolve({ accountId: late }))).toMatchObject(noEgress);
    expect((await assignments(tenantId))[1]).toMatchObject({
      accountId: late,
      state: AssignmentState.WAITING,
    });
    const [more] = await addProxies(registry, tenantId, 1);
    expect(proxyOf(await resolve({ accountId: late }))).toBe(more);
  });

  test('of a tenant that has none connects directly only where the deployment allows it', async () => {
    const tenantId = randomUUID();
    const accountId = randomUUID();
    expect(await refusal(resolver(tenantId)({ accountId }))).toMatchObject(noEgress);
    const lenient = resolver(tenantId, registry.with({ allowDirect: true }));
    const answer = await lenient({ accountId });
    expect(proxyOf(answer)).toBe('direct');
    // The socket lives: it stays direct, and can not be assigned.
    const [first] = await addProxies(registry, tenantId, 1);
    expect(proxyOf(await lenient({ accountId }))).toBe('direct');
    expect((await refusal(assign(tenantId, { accountId }))).reason).toBe(ErrorReason.SESSION_LEASED);
    await sql`delete from holds where tenant_id = ${tenantId}::uuid`.execute(registry.database.kysely);
    expect(proxyOf(await lenient({ accountId }))).toBe(first);
  });

  test('goes directly when its owner says so, and no further', async () => {
    const tenantId = randomUUID();
    const resolve = resolver(tenantId);
    const accountId = randomUUID();
    const say = (allowed: boolean) =>
      egressRoutes(registry).allowDirect(
        create(requests.AllowDirectRequestSchema, { accountId, allowed }),
        meshCallOf(tenantId),
      );
    await say(true);
    const answer = await resolve({ accountId });
    expect(proxyOf(answer)).toBe('direct');
    await letGo(answer.holdId);
    await say(false);
    expect(await refusal(resolve({ accountId }))).toMatchObject(noEgress);
    await say(true);
    const [proxyId] = await addProxies(registry, tenantId, 1);
    const through = await resolve({ accountId });
    expect(proxyOf(through)).toBe(proxyId);
    await letGo(through.holdId);
    await setState(registry, proxyId!, ProxyState.DOWN);
    expect(proxyOf(await resolve({ accountId }))).toBe('direct');
  });

  test('gets the default first, in the tenant that it belongs to', async () => {
    const tenantId = randomUUID();
    await addProxies(registry, tenantId, 1);
    const [proxyId] = await addProxies(registry, tenantId, 1, { capacity: 2 });
    const other = randomUUID();
    const [theirs] = await addProxies(registry, other, 1);
    const of = registry.with({ defaultProxy: { tenantId, proxyId: proxyId! } });
    const resolve = resolver(tenantId, of);
    const got = [];
    for (let index = 0; index < 3; index += 1) got.push(proxyOf(await resolve({ accountId: randomUUID() })));
    expect(got.map((id) => id === proxyId)).toEqual([true, true, false]);
    await sql`update proxies set capacity = 3 where proxy_id = ${proxyId}::uuid`.execute(
      registry.database.kysely,
    );
    await setState(registry, proxyId!, ProxyState.DOWN);
    expect(await refusal(resolve({ accountId: randomUUID() }))).toMatchObject(noEgress);
    expect((await assignments(tenantId)).at(-1)).toMatchObject({ proxyId });
    expect(proxyOf(await resolver(other, of)({ accountId: randomUUID() }))).toBe(theirs);
  });
});

describe('a login', () => {
  test('is given a way without taking a place', async () => {
    const tenantId = randomUUID();
    const resolve = resolver(tenantId);
    expect(await refusal(resolve({}))).toMatchObject(noEgress);
    expect(proxyOf(await resolve({ allowDirect: true }))).toBe('direct');
    const [first, second] = await addProxies(registry, tenantId, 2, { capacity: 1 });
    expect(proxyOf(await resolve({}))).toBe(first);
    expect(proxyOf(await resolve({ proxyId: second }))).toBe(second);
    expect((await refusal(resolve({ proxyId: randomUUIDv7() }))).reason).toBe(ErrorReason.NOT_FOUND);
    const [stranger] = await addProxies(registry, randomUUID(), 1);
    expect((await refusal(resolve({ proxyId: stranger }))).reason).toBe(ErrorReason.NOT_FOUND);
    await setState(registry, second!, ProxyState.DOWN);
    expect(await refusal(resolve({ proxyId: second }))).toMatchObject(noEgress);
    expect(await assignments(tenantId)).toEqual([]);
    expect(await wrongCounts(registry)).toEqual([]);
  });
});

describe('a hold', () => {
  test('lives while it is renewed, and is never brought back', async () => {
    const tenantId = randomUUID();
    await addProxies(registry, tenantId, 1);
    const { holdId } = await resolver(tenantId)({ accountId: randomUUID() });
    const { holdId: other } = await resolver(tenantId)({ accountId: randomUUID() });
    const age = (seconds: number) =>
      sql`update holds set expire_time = clock_timestamp() + ${seconds} * interval '1 second'
          where hold_id = ${holdId}::uuid`.execute(registry.database.kysely);
    await age(1);
    expect((await hold({ holdIds: [holdId, other] })).lostHoldIds).toEqual([]);
    const { rows } = await sql<{ left: number }>`
      select extract(epoch from expire_time - clock_timestamp())::float8 as left
      from holds where hold_id = ${holdId}::uuid`.execute(registry.database.kysely);
    expect(rows[0]!.left).toBeGreaterThan(50);
    expect((await hold({ processId: 'another', holdIds: [holdId] })).lostHoldIds).toEqual([holdId]);
    await age(-1);
    expect((await hold({ holdIds: [holdId, other] })).lostHoldIds).toEqual([holdId]);
    expect((await assignments(tenantId)).map(({ inUse }) => inUse)).toEqual([false, true]);
    await hold({ processId: 'another', closedHoldIds: [other] });
    expect((await hold({ holdIds: [other] })).lostHoldIds).toEqual([]);
    await forgetHolds(registry, 100);
    expect((await hold({ holdIds: [holdId] })).lostHoldIds).toEqual([holdId]);
  });

  test('that is renewed at the moment of a change stops the change', async () => {
    const tenantId = randomUUID();
    const [, other] = await addProxies(registry, tenantId, 2);
    const accountId = randomUUID();
    const { holdId } = await resolver(tenantId)({ accountId });
    await sql`update holds set expire_time = clock_timestamp() + interval '300 ms'
      where hold_id = ${holdId}::uuid`.execute(registry.database.kysely);
    // The renewal has its row and has not committed when the hold runs out and the change asks for it.
    const renewal = await registry.database.kysely.startTransaction().execute();
    await sql`update holds set expire_time = expire_time + interval '1 minute'
      where hold_id = ${holdId}::uuid`.execute(renewal);
    await expect
      .poll(async () => {
        const { rows } = await sql<{ over: boolean }>`
          select expire_time <= clock_timestamp() as over from holds where hold_id = ${holdId}::uuid
        `.execute(registry.database.kysely);
        return rows[0]!.over;
      })
      .toBe(true);
    const change = refusal(assign(tenantId, { accountId, proxyId: other }));
    await expect
      .poll(async () => {
        const { rows } = await sql<{ count: number }>`
          select count(*)::integer as count from pg_locks where not granted`.execute(
          registry.database.kysely,
        );
        return rows[0]!.count;
      })
      .toBeGreaterThan(0);
    await renewal.commit().execute();
    expect((await change).reason).toBe(ErrorReason.SESSION_LEASED);
  });

  test('of many, asked for and renewed together', async () => {
    const tenantId = randomUUID();
    await addProxies(registry, tenantId, 100);
    const resolve = resolver(tenantId);
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, () => resolve({ accountId: randomUUID() })),
    );
    const holdIds = answers.map(({ holdId }) => holdId);
    expect((await hold({ holdIds })).lostHoldIds).toEqual([]);
    await letGo(...holdIds);
    expect((await hold({ holdIds })).lostHoldIds).toHaveLength(1_000);
  }, 20_000);
});

test.each([
  ['process_id', { processId: '' }],
  ['account_id', { accountId: 'x' }],
  ['session_id', { sessionId: -1n }],
  ['proxy_id', { proxyId: 'x' }],
])('a fault of %s is told', async (field, request) => {
  const error = await refusal(resolver(randomUUID())(request));
  expect(error.fieldViolations).toEqual([expect.objectContaining({ field })]);
});

test('a password that does not open is one proxy’s fault, and harms no other account', async () => {
  const tenantId = randomUUID();
  const [broken, whole] = await addProxies(registry, tenantId, 2);
  for (const proxyId of [broken!, whole!])
    await storePasswords(registry.database.kysely, registry.masterKeys, [
      { proxy_id: proxyId, tenant_id: tenantId, password: 'secret' },
    ]);
  await sql`update proxy_passwords set wrapped_key = ${Buffer.alloc(61, 1)} where proxy_id = ${broken}::uuid`.execute(
    registry.database.kysely,
  );
  const resolve = resolver(tenantId);
  const [refused, answered] = await Promise.all([
    refusal(resolve({ accountId: randomUUID(), proxyId: broken })),
    resolve({ accountId: randomUUID(), proxyId: whole }),
  ]);
  expect(refused).toMatchObject(noEgress);
  expect(proxyOf(answered)).toBe(whole);
});

test('a proxy whose address is not allowed any more is not dialled', async () => {
  const tenantId = randomUUID();
  const [proxyId] = await addProxies(registry, tenantId, 1);
  await sql`update proxies set pinned_address = '127.0.0.1' where proxy_id = ${proxyId}::uuid`.execute(
    registry.database.kysely,
  );
  expect(await refusal(resolver(tenantId)({ accountId: randomUUID() }))).toMatchObject(noEgress);
});

test('after all of this every count is what the assignments say', async () => {
  expect(await wrongCounts(registry)).toEqual([]);
});

import { randomUUIDv7 } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FaultMoment, FaultSpecSchema } from '#gen/telegate/local_telegram/v1/faults_pb.ts';
import { openDatabase, type Database } from '#lib/postgres/database.ts';
import { startMessagingMesh, type MessagingMesh } from '../../../tests/support/messaging.ts';
import { textsBetween } from '../test-messaging.ts';

/*
 * A process that is killed at the two moments that matter, held there by what Telegram and Postgres do: the rest of
 * the mesh goes on, and another process takes the session over.
 */

let mesh: MessagingMesh;
let database: Database<object>;

beforeAll(async () => {
  mesh = await startMessagingMesh({ replicas: 0 });
  database = openDatabase<object>({
    url: mesh.pool.database.url,
    schema: 'messaging',
    poolSize: 2,
    applicationName: 'test',
    log: pino({ level: 'silent' }),
  });
});
afterAll(async () => {
  await database.close();
  await mesh.stop();
});

async function stateOf(requestId: string): Promise<number | undefined> {
  const { rows } = await sql<{
    state: number;
  }>`select state from sends where request_id = ${requestId}`.execute(database.kysely);
  return rows[0]?.state;
}

const UNKNOWN = 1;
const SENT = 2;

test.each([
  ['between the row and the call', FaultMoment.BEFORE_CALL, 0],
  ['between the call and its answer', FaultMoment.AFTER_CALL, 1],
])(
  'killed %s: the repeat at another process sends it once',
  async (_, moment, effects) => {
    const tenantId = randomUUIDv7();
    const ann = await mesh.session(tenantId);
    const bob = mesh.telegram.account();
    const first = await mesh.replica();
    const request = {
      actor: { actor: { case: 'accountId', value: ann.accountId } },
      peer: bob.phone,
      text: 'once',
      requestId: randomUUIDv7(),
    } as const;
    await mesh.client(tenantId, { address: first.address }).resolvePeer(request);
    mesh.telegram.telegram.faults.add(
      create(FaultSpecSchema, {
        scope: { accountIds: [String(ann.account.id)], methods: ['messages.sendMessage'] },
        count: 1,
        fault: { case: 'silence', value: { moment } },
      }),
    );
    const lost = mesh
      .client(tenantId, { address: first.address })
      .sendMessage(request)
      .catch((error: unknown) => error);
    await expect.poll(() => stateOf(request.requestId)).toBe(UNKNOWN);
    await expect.poll(() => mesh.telegram.telegram.log.counters.faultsStruck).toBeGreaterThan(0);
    await expect.poll(() => textsBetween(bob, ann.account)).toHaveLength(effects);
    await first.stop('SIGKILL');
    expect(await lost).toBeInstanceOf(Error);

    const second = await mesh.replica();
    const client = mesh.client(tenantId, { address: second.address });
    // The claim of the dead one ends first.
    const sent = () => client.sendMessage(request).catch(() => undefined);
    await expect.poll(sent, { timeout: 90_000, interval: 500 }).toBeDefined();
    const [again, once] = [await client.sendMessage(request), await client.sendMessage(request)];
    expect(once.message).toEqual(again.message);
    expect(again.message!.messageId).toBeGreaterThan(0n);
    expect(textsBetween(bob, ann.account)).toEqual(['once']);
    expect(await stateOf(request.requestId)).toBe(SENT);
    expect(await mesh.doubledKeys()).toEqual([]);
    await second.stop();
  },
  120_000,
);

test('killed again and again at any moment: what was acknowledged is there, all of it once', async () => {
  const tenantId = randomUUIDv7();
  const ann = await mesh.session(tenantId);
  const bob = mesh.telegram.account();
  const acknowledged = new Map<string, Set<bigint>>();
  const KILLS = 3;
  const actor = { actor: { case: 'accountId', value: ann.accountId } } as const;
  const texts = Array.from({ length: 40 }, (_, index) => `message ${index}`);
  let running = await mesh.replica();
  const sendAll = async (): Promise<void> => {
    const client = mesh.client(tenantId, { address: running.address });
    await Promise.all(
      texts.map(async (text) => {
        const { message } = await client.sendMessage({ actor, peer: bob.phone, text, requestId: text });
        acknowledged.set(text, (acknowledged.get(text) ?? new Set()).add(message!.messageId));
      }),
    );
  };
  for (let kill = 0; kill < KILLS; kill += 1) {
    const before = textsBetween(bob, ann.account).length;
    const sending = sendAll().catch(() => undefined);
    await expect
      .poll(() => textsBetween(bob, ann.account).length, { timeout: 60_000, interval: 1 })
      .toBeGreaterThanOrEqual(Math.min(before + 1, texts.length));
    await running.stop('SIGKILL');
    await sending;
    running = await mesh.replica();
    const client = mesh.client(tenantId, { address: running.address });
    await expect
      .poll(() => client.getMe({ actor }).catch(() => undefined), { timeout: 60_000, interval: 500 })
      .toBeDefined();
  }
  await sendAll();
  expect([...acknowledged.values()].map(({ size }) => size)).toEqual(texts.map(() => 1));
  expect(textsBetween(bob, ann.account).toSorted()).toEqual(texts.toSorted());
  await running.stop();
}, 240_000);

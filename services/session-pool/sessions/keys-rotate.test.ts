import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseMaterial } from '#lib/telegram/material/detect.ts';
import { readMaterials } from './credentials.ts';
import { rotateKeys } from './keys-rotate.ts';
import { refusal, sessionCalls } from './test-calls.ts';
import {
  callOf,
  masterKeysOf,
  newTenant,
  openTestPool,
  randomMaterial,
  telethonString,
  type TestPool,
} from './test-pool.ts';

let pool: TestPool;
let calls: ReturnType<typeof sessionCalls>;

beforeEach(async () => {
  pool = await openTestPool({ masterKeys: masterKeysOf(1) });
  calls = sessionCalls(pool);
});

afterEach(() => pool.close());

const tenant = newTenant();
const both = masterKeysOf(2, 1);
const onlyNew = masterKeysOf(2);

async function bringIn(count: number): Promise<Map<bigint, Buffer>> {
  const keys = new Map<bigint, Buffer>();
  for (let n = 0; n < count; n += 1) {
    const material = randomMaterial();
    const { sessionId } = await calls.bringIn(callOf(tenant), { material: telethonString(material) });
    keys.set(sessionId, material.authKey);
  }
  return keys;
}

/** With these master keys alone. */
async function expectReadable(keys: Map<bigint, Buffer>, masterKeys = onlyNew): Promise<void> {
  const owners = [...keys.keys()].map((session_id) => ({ session_id, tenant_id: tenant }));
  const materials = await readMaterials(pool.database.kysely, masterKeys, owners);
  expect(materials.map(({ authKey }) => authKey)).toEqual([...keys.values()]);
}

test('leaves every key readable and the old master key without use', async () => {
  const keys = await bringIn(7);
  const steps: number[] = [];
  const outcome = await rotateKeys(
    { database: pool.database, masterKeys: both },
    { batchSize: 3, onProgress: ({ rewrapped }) => void steps.push(rewrapped) },
  );
  expect(steps).toEqual([3, 6, 7]);
  expect(outcome).toEqual({ rewrapped: 7, failed: [], left: new Map([[2, 7]]) });
  await expectReadable(keys);
  const again = await rotateKeys({ database: pool.database, masterKeys: both });
  expect(again).toMatchObject({ rewrapped: 0, failed: [] });
  const [sessionId] = [...keys.keys()];
  const { credentials } = await sessionCalls({ ...pool, masterKeys: onlyNew }).exportKey(
    callOf(tenant),
    sessionId!,
  );
  expect(parseMaterial(credentials!.material).material.authKey).toEqual(keys.get(sessionId!));
});

test('an interrupted run is continued by the next', async () => {
  const keys = await bringIn(5);
  const stop = new AbortController();
  const run = rotateKeys(
    { database: pool.database, masterKeys: both },
    { batchSize: 2, signal: stop.signal, onProgress: () => stop.abort(new Error('stopped')) },
  );
  await expect(run).rejects.toThrow('stopped');
  await expectReadable(keys, both);
  const { rewrapped } = await rotateKeys({ database: pool.database, masterKeys: both });
  expect(rewrapped).toBe(3);
  await expectReadable(keys);
});

test('two runs at once, beside imports, exports and removals, lose nothing', async () => {
  const keys = await bringIn(12);
  const [exported, removed] = [...keys.keys()];
  const mesh = sessionCalls({ ...pool, masterKeys: both });
  const material = randomMaterial();
  const [first, second, added] = await Promise.all([
    rotateKeys({ database: pool.database, masterKeys: both }, { batchSize: 2 }),
    rotateKeys({ database: pool.database, masterKeys: both }, { batchSize: 5 }),
    mesh.bringIn(callOf(tenant), { material: telethonString(material) }),
    mesh.exportKey(callOf(tenant), exported!),
    mesh.remove(callOf(tenant), removed!),
  ]);
  expect([...first.failed, ...second.failed]).toEqual([]);
  keys.delete(removed!);
  keys.set(added.sessionId, material.authKey);
  await expectReadable(keys);
});

test('a key that does not open is told and left, and holds up no other', async () => {
  const keys = await bringIn(4);
  const [broken] = [...keys.keys()];
  await sql`
    update session_keys set wrapped_key = set_byte(wrapped_key, 20, get_byte(wrapped_key, 20) # 1)
    where session_id = ${broken!}`.execute(pool.database.kysely);
  const outcome = await rotateKeys({ database: pool.database, masterKeys: both }, { batchSize: 1 });
  expect(outcome).toMatchObject({ rewrapped: 3, failed: [{ sessionId: broken }] });
  expect(outcome.left).toEqual(
    new Map([
      [1, 1],
      [2, 3],
    ]),
  );
  keys.delete(broken!);
  await expectReadable(keys);
});

test('without the old master key nothing is changed', async () => {
  const keys = await bringIn(2);
  const outcome = await rotateKeys({ database: pool.database, masterKeys: onlyNew });
  expect(outcome).toMatchObject({ rewrapped: 0, left: new Map([[1, 2]]) });
  expect(outcome.failed.map(({ problem }) => problem).join()).toContain('version 1 of the master key');
  await expectReadable(keys, masterKeysOf(1));
});

test('a key put in the place of another does not open', async () => {
  const keys = await bringIn(2);
  const [mine, other] = [...keys.keys()];
  await sql`
    update session_keys set wrapped_key = theirs.wrapped_key, ciphertext = theirs.ciphertext
    from session_keys as theirs
    where session_keys.session_id = ${mine!} and theirs.session_id = ${other!}`.execute(pool.database.kysely);
  const error = await refusal(calls.exportKey(callOf(tenant), mine!));
  expect(error.name).toBe('SecretUndecryptable');
  expect((await calls.get(callOf(tenant), mine!)).quarantineEndTime).toBeUndefined();
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { SessionFormat } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { parseMaterial, renderMaterial } from '#lib/telegram/material/detect.ts';
import type { Material } from '#lib/telegram/material/material.ts';
import { readCredentials, readMaterials, type KeyOwner } from './credentials.ts';
import { reasonOf, sessionCalls } from './test-calls.ts';
import { callOf, newTenant, openTestPool, randomMaterial, type TestPool } from './test-pool.ts';

let pool: TestPool;

beforeAll(async () => {
  pool = await openTestPool();
});

afterAll(() => pool.close());

async function bringIn(tenant: string, material: Material): Promise<KeyOwner> {
  const { sessionId } = await sessionCalls(pool).bringIn(callOf(tenant), {
    material: renderMaterial(material, 'pyrogram-string'),
  });
  return { session_id: sessionId, tenant_id: tenant };
}

const read = (owners: KeyOwner[], formats: SessionFormat[]) =>
  transaction(pool.database, (trx) => readCredentials(trx, pool, owners, formats));

test('each in the format at its place, in the order asked for, one twice as well', async () => {
  const tenant = newTenant();
  const materials = [1n, 2n].map((userId) => randomMaterial({ userId, apiId: 17, dataCenter: 3 }));
  const [one, two] = (await Promise.all(materials.map((material) => bringIn(tenant, material)))) as [
    KeyOwner,
    KeyOwner,
  ];
  const given = await read(
    [two, one, two],
    [SessionFormat.GRAMJS_STRING, SessionFormat.UNSPECIFIED, SessionFormat.PYROGRAM_STRING],
  );
  expect(given.map(({ format }) => format)).toEqual([
    SessionFormat.GRAMJS_STRING,
    SessionFormat.TELETHON_STRING,
    SessionFormat.PYROGRAM_STRING,
  ]);
  const parsed = given.map(({ material }) => parseMaterial(material));
  expect(parsed.map(({ format }) => format)).toEqual(['gramjs-string', 'telethon-string', 'pyrogram-string']);
  expect(
    parsed.map(({ material }) => materials.findIndex(({ authKey }) => authKey.equals(material.authKey))),
  ).toEqual([1, 0, 1]);
  expect(parsed[2]!.material).toMatchObject({ userId: 2n, apiId: 17, dataCenter: 3 });
  expect(await read([], [])).toEqual([]);
});

test('what was known of a session is known when it is read', async () => {
  const tenant = newTenant();
  const material = randomMaterial({ userId: 2n ** 50n, apiId: 5, isBot: false, testMode: false });
  const [known] = await readMaterials(pool.database.kysely, pool.masterKeys, [
    await bringIn(tenant, material),
  ]);
  expect(known).toEqual({ ...material, address: undefined });
});

test('a session of another tenant, or none, is NOT_FOUND, also beside one’s own', async () => {
  const owner = await bringIn(newTenant(), randomMaterial({ userId: 1n }));
  const stranger = { ...owner, tenant_id: newTenant() };
  const formats = [SessionFormat.UNSPECIFIED, SessionFormat.UNSPECIFIED];
  for (const owners of [[stranger], [owner, stranger], [owner, { ...owner, session_id: 2n ** 40n }]])
    expect(await reasonOf(read(owners, formats))).toBe(ErrorReason.NOT_FOUND);
});

import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '#lib/postgres/database.ts';
import { rotateTable } from '#lib/secrets/rotation.ts';
import { quiet } from '../../../tests/support/driver.ts';
import { createTestDatabase, expectNoLeaks, type TestDatabase } from '../../../tests/support/postgres.ts';
import type { MessagingDatabase, MessagingTables } from '../tables.ts';
import { createTenantKeys, decryptEvent, encryptEvent, sealedWatchKeys } from './keys.ts';

let server: TestDatabase;
let database: MessagingDatabase;
beforeAll(async () => {
  const folder = fileURLToPath(new URL('../migrations', import.meta.url));
  server = await createTestDatabase({ migrations: [{ schema: 'messaging', folder }] });
  database = openDatabase<MessagingTables>({
    url: server.url,
    schema: 'messaging',
    poolSize: 4,
    applicationName: 'test',
    log: quiet,
  });
});
afterAll(async () => {
  await expectNoLeaks(database);
  await database.close();
  await server.drop();
});

const [old, fresh] = [randomBytes(32), randomBytes(32)];
const masterKeys = { current: 1, keys: new Map([[1, old]]) };

test('a tenant has one key, whoever asks first, another than the next tenant', async () => {
  const [tenant, other] = [randomUUIDv7(), randomUUIDv7()];
  const replicas = Array.from({ length: 8 }, () => createTenantKeys(database, masterKeys));
  const keys = await Promise.all(replicas.map((replica) => replica.of(tenant)));
  expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(1);
  expect(await replicas[0]!.of(other)).not.toEqual(keys[0]);
});

test('an event opens with its key and for its session only, and not when it was changed', () => {
  const key = randomBytes(32);
  const sealed = encryptEvent(key, 7n, Buffer.from('hello'));
  expect(sealed.includes('hello')).toBe(false);
  expect(decryptEvent(key, 7n, sealed).toString()).toBe('hello');
  expect(encryptEvent(key, 7n, Buffer.from('hello'))).not.toEqual(sealed);
  expect(() => decryptEvent(key, 8n, sealed)).toThrow('damaged');
  expect(() => decryptEvent(randomBytes(32), 7n, sealed)).toThrow('damaged');
  sealed[13]! ^= 1;
  expect(() => decryptEvent(key, 7n, sealed)).toThrow('damaged');
});

test('the master key may change: what was written stays readable', async () => {
  const tenant = randomUUIDv7();
  const key = await createTenantKeys(database, masterKeys).of(tenant);
  const both = {
    current: 2,
    keys: new Map([
      [2, fresh],
      [1, old],
    ]),
  };
  const rotation = await rotateTable(database, both, sealedWatchKeys);
  expect(rotation!.failed).toEqual([]);
  expect(rotation!.left.get(1)).toBeUndefined();
  const onlyNew = { current: 2, keys: new Map([[2, fresh]]) };
  expect(await createTenantKeys(database, onlyNew).of(tenant)).toEqual(key);
});

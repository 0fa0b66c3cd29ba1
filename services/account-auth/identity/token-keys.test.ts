import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { signAccessToken } from '#lib/auth/access-token.ts';
import { createPublicKeys } from '#lib/auth/public-keys.ts';
import { createRevocations } from '#lib/auth/revocations.ts';
import { createTokenCache } from '#lib/auth/token-cache.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { openDatabase } from '#lib/postgres/database.ts';
import { SecretUndecryptable } from '#lib/secrets/errors.ts';
import { rotateTable } from '#lib/secrets/rotation.ts';
import { serviceSchemas } from '../../../deploy/schemas.ts';
import { createTestDatabase, expectNoLeaks, type TestDatabase } from '../../../tests/support/postgres.ts';
import type { AccountAuth } from '../account-auth.ts';
import type { AccountAuthTables } from '../tables.ts';
import { openTokenKeys, sealedTokenKeys, type TokenKeys } from './token-keys.ts';

const log = pino({ level: 'silent' });
const HOUR = 3_600_000;
const settings = { keyLifeMs: 24 * HOUR, publishAheadMs: HOUR };

let testDatabase: TestDatabase;
let base: AccountAuth;
let opened: TokenKeys[];

beforeEach(async () => {
  const migrations = serviceSchemas().filter(({ schema }) => schema === 'account_auth');
  testDatabase = await createTestDatabase({ migrations });
  const database = openDatabase<AccountAuthTables>({
    url: testDatabase.url,
    schema: 'account_auth',
    poolSize: 6,
    applicationName: 'test',
    log,
  });
  const masterKeys = { current: 1, keys: new Map([[1, randomBytes(32)]]) };
  base = { database, masterKeys, clock: systemClock, log, wakeRelay: () => undefined };
  opened = [];
});
afterEach(async () => {
  await Promise.all(opened.map((keys) => keys.stop()));
  await expectNoLeaks(base.database);
  await base.database.close();
  await testDatabase.drop();
});

async function replicas(count: number): Promise<TokenKeys[]> {
  const made = await Promise.all(Array.from({ length: count }, () => openTokenKeys(base, settings)));
  opened.push(...made);
  return made;
}

/** As if all keys had been made so much earlier. */
async function letPass(ms: number): Promise<void> {
  await sql`update token_keys set active_time = active_time - ${ms} * interval '1 millisecond',
    expire_time = expire_time - ${ms} * interval '1 millisecond'`.execute(base.database.kysely);
  // Read anew, as a replica that starts does: the times of a key that is known do not change.
  await Promise.all(opened.map((keys) => keys.stop()));
}

const kids = (keys: TokenKeys): string[] => keys.publicKeys().map(({ kid }) => kid);

test('replicas that start at once make one key together', async () => {
  const all = await replicas(5);
  const [first] = kids(all[0]!);
  for (const keys of all) {
    expect(kids(keys)).toEqual([first]);
    expect(keys.signing().kid).toBe(first);
    expect(keys.refreshKeys()).toHaveLength(1);
  }
});

test('the next key is published an hour before it signs; the last one is for as long as its tokens live', async () => {
  const [before] = await replicas(1);
  const [old] = kids(before!);
  await letPass(22 * HOUR);
  expect(kids((await replicas(1))[0]!)).toEqual([old]);
  await letPass(HOUR + 1_000);
  const [ahead, too] = await replicas(2);
  expect(kids(ahead!)).toHaveLength(2);
  expect(kids(too!)).toEqual(kids(ahead!));
  expect(ahead!.signing().kid).toBe(old);
  const next = kids(ahead!)[1]!;
  await letPass(HOUR);
  const [now] = await replicas(1);
  expect(now!.signing().kid).toBe(next);
  expect(kids(now!)).toEqual([next, old]);
  await letPass(25 * 60_000);
  expect(kids((await replicas(1))[0]!)).toEqual([next]);
});

test('tokens of the key before are good until they expire', async () => {
  const [before] = await replicas(1);
  const grant = { userId: 'u', tenantId: 't', role: 'user' as const, scopes: [], loginId: 'l' };
  const token = await signAccessToken(before!.signing(), grant, Date.now());
  await letPass(23 * HOUR + 1_000);
  await replicas(1);
  await letPass(HOUR);
  const [now] = await replicas(1);
  expect(now!.signing().kid).not.toBe(before!.signing().kid);
  const published = () => Promise.resolve({ keys: now!.publicKeys(), freshUntil: Date.now() + 60_000 });
  const tokens = createTokenCache(
    createPublicKeys(published, systemClock),
    createRevocations(systemClock),
    systemClock,
  );
  expect((await tokens.find(token)).principal.subject).toBe('user:u');
});

test('private keys lie sealed, and open to their master key alone', async () => {
  const [keys] = await replicas(1);
  const { rows } = await sql`select * from token_keys`.execute(base.database.kysely);
  const dump = JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? '' : value));
  const { d } = keys!.signing().privateKey.export({ format: 'jwk' });
  expect(d).toHaveLength(43);
  expect(dump).not.toContain(d);
  for (const row of rows as { ciphertext: Buffer }[])
    expect(row.ciphertext.includes(Buffer.from(d!, 'base64url'))).toBe(false);
  const others = { current: 1, keys: new Map([[1, randomBytes(32)]]) };
  await expect(openTokenKeys({ ...base, masterKeys: others }, settings)).rejects.toThrow(SecretUndecryptable);
});

test('a rotation of the master key wraps them anew, while replicas go on', async () => {
  const [keys] = await replicas(1);
  const old = base.masterKeys.keys.get(1)!;
  const masterKeys = { current: 2, keys: new Map([[2, randomBytes(32)]]) };
  const both = { current: 2, keys: new Map([...masterKeys.keys, [1, old]]) };
  const { database } = base;
  const failing = await rotateTable(database, masterKeys, sealedTokenKeys);
  expect(failing).toMatchObject({ rewrapped: 0, failed: [{}, {}], left: new Map([[1, 2]]) });
  const rotation = await rotateTable(database, both, sealedTokenKeys);
  expect(rotation).toEqual({ rewrapped: 2, failed: [], left: new Map([[2, 2]]) });
  const again = await openTokenKeys({ ...base, masterKeys }, settings);
  opened.push(again);
  expect(again.signing().kid).toBe(keys!.signing().kid);
  const missing = { ...sealedTokenKeys, table: 'no_such_table' };
  expect(await rotateTable(database, both, missing)).toBeUndefined();
});

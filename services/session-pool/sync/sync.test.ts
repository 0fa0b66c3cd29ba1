import { randomUUIDv7 } from 'node:crypto';
import { appendFileSync, statSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Material } from '#lib/telegram/material/material.ts';
import { createTestPool, leaseRequest, readOutbox, type TestPool } from '../../../tests/support/pool.ts';
import { acquireLeases } from '../leases/acquire.ts';
import type { GrantedLease } from '../leases/model.ts';
import { releaseLeases } from '../leases/release.ts';
import { readMaterials } from '../sessions/credentials.ts';
import { importSession } from '../sessions/import.ts';
import { CONDITION } from '../sessions/model.ts';
import { removeLeaving, removeSession } from '../sessions/removal.ts';
import { beginRun } from './runs.ts';
import { SessionFolderDoubtful, SessionFolderUnavailable, SyncSuperseded } from './errors.ts';
import type * as Scan from './scan.ts';
import { scanSessionFolder } from './scan.ts';
import { createSync, type Sync } from './sync.ts';
import { addFiles } from './apply.ts';
import {
  anotherReplica,
  entriesOf,
  newMaterial,
  openTestFolder,
  printOf,
  type TestFolder,
} from './test-folder.ts';

vi.mock('./scan.ts', { spy: true });

let pool: TestPool;
let tenant: string;
let folder: TestFolder;
let sync: Sync;

beforeAll(async () => {
  pool = await createTestPool();
});
afterAll(() => pool.close());

beforeEach(async () => {
  tenant = randomUUIDv7();
  folder = openTestFolder();
  sync = syncOf(pool);
  await sql`delete from outbox`.execute(pool.database.kysely);
});
afterEach(async () => {
  await sync.stop();
  folder.close();
});

function syncOf(of: TestPool | ReturnType<typeof anotherReplica>, mostRemovedPercent = 50): Sync {
  return createSync(of, { path: folder.path, tenantId: tenant, mostRemovedPercent });
}

const entries = () => entriesOf(pool, tenant);
const run = async () => (await sync.run()).result;
const faultsOf = async () =>
  Object.fromEntries((await run()).faults.map(({ file, problem }) => [file, problem]));

async function lease(name: string): Promise<GrantedLease> {
  const request = leaseRequest(tenant, { selector: { sessionId: null, name, labels: {}, forMethod: '' } });
  const [outcome] = await acquireLeases(pool, [request]);
  if (outcome?.kind !== 'granted') throw new Error(`no lease: ${outcome?.kind}`);
  return outcome.lease;
}

async function release(held: GrantedLease): Promise<string> {
  const { lease_id: leaseId, fencing_token: fencingToken } = held;
  const [outcome] = await releaseLeases(pool, [{ tenantId: tenant, leaseId, fencingToken }]);
  return outcome!.kind;
}

function bringIn(name: string, material: Material, tenantId = tenant): Promise<unknown> {
  const session = { tenantId, name, material, labels: {}, environment: 'telegram', accountId: '' };
  return importSession(pool, { ...session, source: 'import', hasFile: false }, { subject: 'key:test' });
}

describe('a folder', () => {
  test('is taken over: sessions, keys, slots and events; broken files are told', async () => {
    const alice = folder.put('alice.session', { ...newMaterial(), dataCenter: 4 }, 'telethon-file');
    folder.put('bob.string');
    folder.write('broken.session', 'SQLite format 3\0 and no more');
    folder.write(`${'n'.repeat(140)}.txt`, 'x');
    const result = await run();
    expect(result).toMatchObject({ added: 2, removed: 0, total: 2, faultCount: 2 });
    expect(result.faults.map(({ file }) => file)).toEqual(['broken.session', `${'n'.repeat(140)}.txt`]);
    expect(result.faults[1]!.problem).toMatch(/too long.*Rename the file/);
    const found = await entries();
    expect([...found.values()]).toMatchObject([
      { name: 'alice', source: 'sync', has_file: true, condition: CONDITION.USABLE, print: printOf(alice) },
      { name: 'bob', source: 'sync', has_file: true },
    ]);
    const { session_id: sessionId } = found.get('alice')!;
    const owner = { session_id: sessionId, tenant_id: tenant };
    expect(await readMaterials(pool.database.kysely, pool.masterKeys, [owner])).toEqual([
      expect.objectContaining({ authKey: alice.authKey, dataCenter: 4 }),
    ]);
    expect(await readOutbox(pool)).toMatchObject([
      {
        sequence: 1n,
        tenantId: tenant,
        payload: {
          case: 'sessionAdded',
          value: { sessionId, name: 'alice', source: 'sync', environment: 'telegram' },
        },
      },
      { payload: { case: 'sessionAdded', value: { name: 'bob' } } },
    ]);
    await lease('alice');
    expect(pool.woken).toContain(tenant);
  });

  test('that did not change is not opened and changes nothing; one that did is', async () => {
    folder.put('a.session');
    utimesSync(join(folder.path, 'a.session'), 1_000, 1_000);
    await run();
    const written = async () =>
      (
        await sql<{
          xmin: string;
        }>`select xmin::text from session_files where tenant_id = ${tenant}::uuid`.execute(
          pool.database.kysely,
        )
      ).rows;
    const before = [await entries(), await written()];
    expect(await run()).toMatchObject({ added: 0, removed: 0, total: 1 });
    expect([await entries(), await written()]).toEqual(before);
    appendFileSync(join(folder.path, 'a.session'), '\n');
    await run();
    expect(await written()).not.toEqual(before[1]);
    expect(await entries()).toEqual(before[0]);
  });

  test('a file that was just written is read again, for its time may not show a change', async () => {
    const path = join(folder.path, 'a.session');
    folder.put('a.session');
    const now = new Date();
    utimesSync(path, now, now);
    await run();
    const other = folder.put('b.session');
    folder.rename('b.session', 'a.session');
    utimesSync(path, now, now);
    const { ino } = statSync(path, { bigint: true });
    await sql`
      update session_files set inode = ${String(ino)}::numeric where tenant_id = ${tenant}::uuid`.execute(
      pool.database.kysely,
    );
    await run();
    expect((await entries()).get('a')).toMatchObject({ print: printOf(other) });
  });

  test('ten names for one key are one session, the first; when its file goes the next holds it', async () => {
    const material = newMaterial();
    for (let n = 0; n < 10; n += 1) folder.put(`copy-${n}.session`, material);
    const faults = await faultsOf();
    expect(Object.keys(faults)).toHaveLength(9);
    expect(faults['copy-9.session']).toContain('copy-0.session');
    const { session_id: sessionId } = (await entries()).get('copy-0')!;
    folder.remove('copy-0.session');
    expect(Object.keys(await faultsOf())).toHaveLength(8);
    expect([...(await entries()).values()]).toMatchObject([{ session_id: sessionId, name: 'copy-1' }]);
  });

  test("another tenant's key is reported without its name", async () => {
    const material = folder.put('mine.session');
    await bringIn('theirs', material, randomUUIDv7());
    const faults = await faultsOf();
    expect(faults['mine.session']).toMatch(/another tenant/);
    expect(JSON.stringify(faults)).not.toContain('theirs');
    expect((await entries()).size).toBe(0);
  });
});

describe('imported sessions', () => {
  test('get a file that holds their key, and stay when it goes', async () => {
    const material = newMaterial();
    await bringIn('desk', material);
    folder.put('other-name.session', material);
    expect(await run()).toMatchObject({ added: 0, total: 1, faultCount: 0 });
    expect((await entries()).get('desk')).toMatchObject({ has_file: true, source: 'import' });
    folder.remove('other-name.session');
    expect(await run()).toMatchObject({ removed: 0, total: 1 });
    expect((await entries()).get('desk')).toMatchObject({ has_file: false, source: 'import' });
  });

  test('keep their name from files with another key', async () => {
    await bringIn('desk', newMaterial());
    folder.put('desk.session');
    expect((await faultsOf())['desk.session']).toMatch(/Rename the file/);
    folder.rename('desk.session', 'desk-2.session');
    expect(await run()).toMatchObject({ added: 1, faultCount: 0 });
  });

  test('a session that a call deleted returns as long as its file is there', async () => {
    folder.put('a.session');
    await run();
    const { session_id: sessionId } = (await entries()).get('a')!;
    await removeSession(pool, { tenantId: tenant, sessionId, force: false, subject: 'key:test' });
    expect(await run()).toMatchObject({ added: 1, total: 1 });
    expect((await entries()).get('a')!.session_id).not.toBe(sessionId);
  });
});

describe('files that go or change', () => {
  test('take their session along at once, with its key and an event', async () => {
    folder.put('a.session');
    folder.put('b.session');
    await run();
    folder.remove('a.session');
    expect(await run()).toMatchObject({ added: 0, removed: 1, total: 1 });
    expect([...(await entries()).keys()]).toEqual(['b']);
    expect((await readOutbox(pool)).at(-1)!.payload).toMatchObject({
      case: 'sessionRemoved',
      value: { name: 'a' },
    });
  });

  test('a leased session leaves when its lease ends, and is granted to nobody else', async () => {
    folder.put('a.session');
    await run();
    const held = await lease('a');
    folder.remove('a.session');
    expect(await run()).toMatchObject({ removed: 1, total: 1 });
    expect(await run()).toMatchObject({ removed: 0, total: 1 });
    expect((await entries()).get('a')).toMatchObject({ condition: CONDITION.LEAVING, has_file: false });
    expect(await removeLeaving(pool, 10)).toBe(0);
    expect(await release(held)).toBe('ended');
    await expect(lease('a')).rejects.toThrow('none_free');
    expect(await removeLeaving(pool, 10)).toBe(1);
    expect((await entries()).size).toBe(0);
  });

  test('a file that returns before that keeps the session, in the condition that it had', async () => {
    folder.put('a.session');
    await run();
    const held = await lease('a');
    await sql`update slots set condition = ${CONDITION.FROZEN} where tenant_id = ${tenant}::uuid`.execute(
      pool.database.kysely,
    );
    const material = newMaterial();
    folder.rename('a.session', '.away');
    await run();
    folder.put('b.session', material);
    folder.rename('.away', 'a.session');
    expect(await run()).toMatchObject({ added: 1, removed: 0, faultCount: 0 });
    expect((await entries()).get('a')).toMatchObject({
      session_id: held.session_id,
      condition: CONDITION.FROZEN,
      has_file: true,
    });
  });

  test('renamed while leased: the session stays with its holder and takes the name', async () => {
    folder.put('a.session');
    await run();
    const held = await lease('a');
    folder.rename('a.session', 'z.session');
    expect(await run()).toMatchObject({ added: 0, removed: 0, total: 1, faultCount: 0 });
    expect((await entries()).get('z')).toMatchObject({ session_id: held.session_id, has_file: true });
    expect(await release(held)).toBe('ended');
    await lease('z');
  });

  test('a listing that met neither name of a file that was being renamed removes nothing', async () => {
    for (const name of ['a.session', 'b.session', 'c.session']) folder.put(name);
    await run();
    const { session_id: sessionId } = (await entries()).get('a')!;
    folder.rename('a.session', 'z.session');
    const { scanSessionFolder: scan } = await vi.importActual<typeof Scan>('./scan.ts');
    vi.mocked(scanSessionFolder).mockImplementationOnce(async function* (...where) {
      for await (const file of scan(...where)) if (file.name !== 'z') yield file;
    });
    expect(await run()).toMatchObject({ added: 0, removed: 0, total: 3 });
    expect((await entries()).get('z')).toMatchObject({ session_id: sessionId });
  });

  test('two that change places, and one that is renamed onto a name that goes', async () => {
    const a = folder.put('a.session');
    const b = folder.put('b.session');
    const c = folder.put('c.session');
    await run();
    const before = await entries();
    folder.put('a.session', b);
    folder.put('b.session', a);
    await run();
    folder.rename('c.session', 'a.session');
    await run();
    const after = await entries();
    expect([...after].map(([name, { session_id, print }]) => [name, session_id, print])).toEqual([
      ['a', before.get('c')!.session_id, printOf(c)],
      ['b', before.get('a')!.session_id, printOf(a)],
    ]);
  });

  test('another key under the name: another session; while the old one is leased it is told to wait', async () => {
    folder.put('a.session');
    await run();
    const first = (await entries()).get('a')!;
    folder.put('a.session');
    expect(await run()).toMatchObject({ added: 1, removed: 1, total: 1 });
    const second = (await entries()).get('a')!;
    expect(second.session_id).not.toBe(first.session_id);

    const held = await lease('a');
    const third = folder.put('a.session');
    const outcome = await sync.run();
    expect(outcome).toMatchObject({ waiting: 1, result: { added: 0, removed: 1, faultCount: 1 } });
    expect(outcome.result.faults[0]!.problem).toMatch(/still in use/);
    expect(await release(held)).toBe('ended');
    await removeLeaving(pool, 10);
    expect(await run()).toMatchObject({ added: 1, total: 1, faultCount: 0 });
    expect((await entries()).get('a')).toMatchObject({ print: printOf(third) });
  });

  test('broken or not to be read for a time: the session stays, without a file while it is broken', async () => {
    const material = folder.put('a.session');
    await run();
    const before = (await entries()).get('a')!;
    folder.write('a.session', 'half a fi');
    expect(await run()).toMatchObject({ removed: 0, total: 1, faultCount: 1 });
    expect((await entries()).get('a')).toEqual({ ...before, has_file: false });
    folder.put('a.session', material);
    await run();
    expect((await entries()).get('a')).toEqual(before);
  });

  test('one that can not be read may hold what it held: it still counts', async () => {
    folder.put('a.session');
    await run();
    const before = await entries();
    folder.rename('a.session', '../outside');
    symlinkSync('../outside', join(folder.path, 'a.session'));
    expect((await faultsOf())['a.session']).toMatch(/leads out of the folder/);
    expect(await entries()).toEqual(before);
  });
});

describe('a folder that is not to be believed', () => {
  test('removes nothing: it is gone, or suddenly empty, or another one', async () => {
    for (let n = 0; n < 30; n += 1) folder.put(`s${n}.session`);
    await run();
    const before = await entries();
    for (let n = 0; n < 20; n += 1) folder.remove(`s${n}.session`);
    folder.put('new.session');
    await expect(run()).rejects.toThrow(/lacks 20 of the 30 sessions/);
    for (let n = 20; n < 30; n += 1) folder.remove(`s${n}.session`);
    folder.remove('new.session');
    const empty = await run().catch((error: unknown) => error);
    expect(empty).toBeInstanceOf(SessionFolderDoubtful);
    expect((empty as Error).message).toMatch(/no session file at all.*SESSIONS_REMOVAL_LIMIT/);
    folder.takeAway();
    await expect(run()).rejects.toThrow(SessionFolderUnavailable);
    expect(await entries()).toEqual(before);
  });

  test('unless the operator says so', async () => {
    for (let n = 0; n < 3; n += 1) folder.put(`s${n}.session`);
    await run();
    for (let n = 0; n < 3; n += 1) folder.remove(`s${n}.session`);
    await expect(run()).rejects.toThrow(SessionFolderDoubtful);
    expect((await syncOf(pool, 100).run()).result).toMatchObject({ removed: 3, total: 0 });
  });
});

describe('many at once', () => {
  test('who asks while one runs shares the next; other replicas share it too', async () => {
    const replica = anotherReplica(pool);
    const other = syncOf(replica);
    for (let n = 0; n < 200; n += 1) folder.put(`s${n}.session`);
    const runs = async () =>
      (
        await sql<{
          run_id: string;
        }>`select run_id from session_sync where tenant_id = ${tenant}::uuid`.execute(pool.database.kysely)
      ).rows[0]?.run_id;
    const first = sync.run();
    const more = [sync.run(), sync.run(), sync.run()];
    expect(new Set(more).size).toBe(1);
    const results = await Promise.all([first, ...more, other.run(), other.run()]);
    expect(results.reduce((sum, { result }) => sum + result.added, 0)).toBeGreaterThanOrEqual(200);
    for (const { result } of results) expect(result.total).toBe(200);
    const last = await runs();
    const shared = await other.run({ maxAgeMs: 60_000 });
    expect(shared.result.total).toBe(200);
    expect(await runs()).toBe(last);
    await other.stop();
    await replica.close();
  });

  test('a replica that lost the lock can write no more', async () => {
    const old = await beginRun(pool, tenant, randomUUIDv7());
    await beginRun(pool, tenant, randomUUIDv7());
    const row = {
      fileName: 'a.session',
      name: 'a',
      size: 1,
      mtimeMs: 1,
      inode: 1n,
      print: printOf(newMaterial()),
      settled: true,
      broken: false,
      sessionId: null,
      fault: null,
    };
    await expect(
      addFiles(pool, old, [{ name: 'a', material: newMaterial(), row }], () => undefined),
    ).rejects.toThrow(SyncSuperseded);
    expect((await entries()).size).toBe(0);
  });

  test('an import that takes the name or the key between the look and the deed is told', async () => {
    const material = folder.put('a.session');
    folder.put('b.session');
    await Promise.all([run(), bringIn('b', newMaterial()), bringIn('c', material).catch(() => undefined)]);
    const result = await run();
    const found = await entries();
    expect(
      [...found.values()].map(({ print }) => print).filter((print) => print === printOf(material)),
    ).toHaveLength(1);
    expect(found.has('b')).toBe(true);
    for (const { file } of result.faults) expect(file).toBe('b.session');
  });
});

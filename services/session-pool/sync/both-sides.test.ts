import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DomainError } from '#lib/rpc/errors.ts';
import type { Material } from '#lib/telegram/material/material.ts';
import { createTestPool, leaseRequest, type TestPool } from '../../../tests/support/pool.ts';
import { acquireLeases } from '../leases/acquire.ts';
import { releaseLeases } from '../leases/release.ts';
import type { Pool } from '../pool.ts';
import { readMaterials } from '../sessions/credentials.ts';
import { importSession } from '../sessions/import.ts';
import { removeLeaving, removeSession } from '../sessions/removal.ts';
import { createSync, type Sync } from './sync.ts';
import {
  anotherReplica,
  entriesOf,
  newMaterial,
  openTestFolder,
  printOf,
  type TestFolder,
} from './test-folder.ts';

const STEPS = 250;
/** Where it takes longer until each kind of thing has happened. */
const MOST_STEPS = 1_500;
const NAMES = Array.from({ length: 30 }, (_, index) => `s${index}.session`);

let pool: TestPool;
let replica: ReturnType<typeof anotherReplica>;
beforeAll(async () => {
  pool = await createTestPool();
  replica = anotherReplica(pool);
});
afterAll(async () => {
  await replica.close();
  await pool.close();
});

/** Numbers that look random and are the same for a seed. */
function randomOf(seed: number): <T>(items: readonly T[]) => T {
  let state = seed;
  return (items) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return items[Math.floor((state / 2 ** 32) * items.length)]!;
  };
}

/** The folder as the test left it: names, and whose key each file holds; none: it is broken. */
type Contents = Map<string, Material | undefined>;

function changeFolder(folder: TestFolder, contents: Contents, pick: ReturnType<typeof randomOf>): void {
  const used = [...contents.keys()];
  const free = NAMES.filter((name) => !contents.has(name));
  const put = (name: string, material: Material): void => {
    folder.put(name, material);
    contents.set(name, material);
  };
  const kind =
    used.length < 5 ? 'add' : pick(['add', 'remove', 'rename', 'rewrite', 'copy', 'break', 'swap']);
  const name = pick(used.length > 0 ? used : NAMES);
  const other = pick(used.length > 0 ? used : NAMES);
  const fresh = pick(free.length > 0 ? free : NAMES);
  const material = contents.get(name);
  if (kind === 'add' || !material) put(fresh, newMaterial());
  else if (kind === 'copy') put(fresh, material);
  else if (kind === 'rewrite') put(name, newMaterial());
  else if (kind === 'remove') {
    folder.remove(name);
    contents.delete(name);
  } else if (kind === 'break') {
    folder.write(name, 'no session');
    contents.set(name, undefined);
  } else {
    const moved = contents.get(other);
    folder.rename(name, kind === 'swap' ? other : fresh);
    contents.delete(name);
    contents.set(kind === 'swap' ? other : fresh, material);
    if (kind === 'swap' && moved && name !== other) put(name, moved);
  }
}

interface Churn {
  tenant: string;
  contents: Contents;
  pick: ReturnType<typeof randomOf>;
  isOver(): boolean;
  /** What happened at all, so that a quiet test does not pass. */
  count: Record<'leased' | 'imported' | 'deleted' | 'synced' | 'left', number>;
}

async function syncAgain(sync: Sync, { isOver, count }: Churn): Promise<void> {
  while (!isOver()) {
    await sync.run();
    count.synced += 1;
  }
}

async function leaseAgain(at: Pool, { tenant, isOver, count, pick }: Churn): Promise<void> {
  while (!isOver()) {
    const [outcome] = await acquireLeases(at, [leaseRequest(tenant)]);
    if (outcome?.kind !== 'granted') continue;
    const { session_id: sessionId, lease_id: leaseId, fencing_token: fencingToken } = outcome.lease;
    for (let looks = pick([1, 5, 20]); looks > 0; looks -= 1) {
      const { rows } = await sql<{ lease_id: string; keys: bigint }>`
        select lease_id, (select count(*) from session_keys where session_id = slots.session_id) as keys
        from slots where session_id = ${sessionId}`.execute(at.database.kysely);
      expect(rows, 'a session in use has gone').toEqual([{ lease_id: leaseId, keys: 1n }]);
    }
    const [released] = await releaseLeases(at, [{ tenantId: tenant, leaseId, fencingToken }]);
    expect(released?.kind).toBe('ended');
    count.leased += 1;
  }
}

async function importAgain(at: Pool, { tenant, isOver, count, contents, pick }: Churn): Promise<void> {
  while (!isOver()) {
    const material = pick([...contents.values(), newMaterial()]) ?? newMaterial();
    const name = pick([...NAMES, randomUUIDv7()]).replace('.session', '');
    const session = { tenantId: tenant, name, material, labels: {}, environment: 'telegram', accountId: '' };
    const isIn = await unlessRefused(
      importSession(at, { ...session, source: 'import', hasFile: false }, { subject: 'key:test' }),
    );
    if (isIn) count.imported += 1;
  }
}

async function deleteAgain(at: Pool, { tenant, isOver, count, pick }: Churn): Promise<void> {
  while (!isOver()) {
    const all = [...(await entriesOf(at, tenant)).values()];
    const imported = all.filter(({ source }) => source === 'import');
    const { session_id: sessionId } = pick(imported.length > 3 ? imported : [...all, { session_id: 1n }]);
    const removal = { tenantId: tenant, sessionId, force: false, subject: 'key:test' };
    if (await unlessRefused(removeSession(at, removal))) count.deleted += 1;
  }
}

async function removeAgain(at: Pool, { isOver, count }: Churn): Promise<void> {
  while (!isOver()) count.left += await removeLeaving(at, 100);
}

async function unlessRefused(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof DomainError) return false;
    throw error;
  }
}

async function pass(at: Pool): Promise<void> {
  await sql`select 1`.execute(at.database.kysely);
}

test.each([1, 2, 3])(
  'folder and pool change at once from both sides (seed %i)',
  { timeout: 60_000 },
  async (seed) => {
    const tenant = randomUUIDv7();
    const folder = openTestFolder();
    const pick = randomOf(seed);
    const contents: Contents = new Map();
    let over = false;
    const churn: Churn = {
      tenant,
      contents,
      pick,
      isOver: () => over,
      count: { leased: 0, imported: 0, deleted: 0, synced: 0, left: 0 },
    };
    const syncs = [pool, replica].map((at) =>
      createSync(at, { path: folder.path, tenantId: tenant, mostRemovedPercent: 100 }),
    );
    const isQuiet = (): boolean => Object.values(churn.count).includes(0);
    const changeAgain = async (): Promise<void> => {
      for (
        let steps = 0;
        !churn.isOver() && (steps < STEPS || (steps < MOST_STEPS && isQuiet()));
        steps += 1
      ) {
        changeFolder(folder, contents, pick);
        for (let turns = pick([1, 2, 10]); turns > 0; turns -= 1) await pass(pool);
      }
    };
    // The first to end, well or badly, ends all.
    const ended = await Promise.allSettled(
      [
        changeAgain(),
        ...syncs.map((sync) => syncAgain(sync, churn)),
        ...[pool, replica, pool].map((at) => leaseAgain(at, churn)),
        importAgain(replica, churn),
        deleteAgain(pool, churn),
        removeAgain(replica, churn),
      ].map((work) => work.finally(() => (over = true))),
    );
    expect(ended.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(Object.entries(churn.count).filter(([, times]) => times === 0)).toEqual([]);

    // A broken file keeps its session in the pool, though without a file: here for long enough.
    for (const [name, held] of contents) if (!held) folder.remove(name);
    await syncs[0]!.run();
    await removeLeaving(pool, 1_000);
    const { result } = await syncs[1]!.run();
    expect(await syncs[0]!.run()).toMatchObject({ waiting: 0, result: { added: 0, removed: 0 } });

    const entries = [...(await entriesOf(pool, tenant)).values()];
    const inFolder = new Map([...contents].flatMap(([name, held]) => (held ? [[name, printOf(held)]] : [])));
    const prints = new Set(inFolder.values());
    expect(new Set(entries.map(({ print }) => print)).size).toBe(entries.length);
    expect(entries.filter(({ source, has_file }) => source === 'sync' && !has_file)).toEqual([]);
    expect(entries.filter(({ has_file, print }) => has_file !== prints.has(print))).toEqual([]);
    // Whose key is not in the pool has a name that is somebody else's, and is told.
    const names = new Set(entries.map(({ name }) => `${name}.session`));
    const told = new Set(result.faults.map(({ file }) => file));
    const kept = new Set(entries.map(({ print }) => print));
    const missing = [...inFolder].filter(([, print]) => !kept.has(print));
    expect(missing.filter(([fileName]) => !told.has(fileName))).toEqual([]);
    const isNameTaken = (print: string): boolean =>
      missing.some(([fileName, other]) => other === print && names.has(fileName));
    expect(missing.filter(([, print]) => !isNameTaken(print))).toEqual([]);
    const keys = await readMaterials(
      pool.database.kysely,
      pool.masterKeys,
      entries.map(({ session_id }) => ({ session_id, tenant_id: tenant })),
    );
    expect(keys.map(printOf)).toEqual(entries.map(({ print }) => print));
    await Promise.all(syncs.map((sync) => sync.stop()));
    folder.close();
  },
);

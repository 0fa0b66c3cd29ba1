import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { parseMaterialFile, renderMaterial } from '#lib/telegram/material/detect.ts';
import { SessionMalformed } from '#lib/telegram/material/errors.ts';
import type { Material } from '#lib/telegram/material/material.ts';
import { SessionFolderUnavailable } from './errors.ts';
import type { ScanOptions } from './scan.ts';
import { scanSessionFolder } from './scan.ts';
import type { ScannedFile } from './session-file.ts';

vi.mock('#lib/telegram/material/detect.ts', { spy: true });

let parent: string;
let folder: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'telegate-scan-'));
  folder = join(parent, 'sessions');
  mkdirSync(folder);
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const address = { host: '149.154.167.51', port: 443 };
const materialOf = (seed: number): Material => ({ dataCenter: 2, authKey: Buffer.alloc(256, seed), address });
const fileOf = (seed: number): Uint8Array => renderMaterial(materialOf(seed), 'telethon-file');
const put = (name: string, bytes: Uint8Array | string): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};

async function scan(options: Partial<ScanOptions> = {}): Promise<Map<string, ScannedFile>> {
  const files = new Map<string, ScannedFile>();
  for await (const file of scanSessionFolder(folder, { clock: systemClock, ...options }))
    files.set(file.fileName, file);
  return files;
}

const kinds = (files: Map<string, ScannedFile>): Record<string, string> =>
  Object.fromEntries([...files].map(([name, file]) => [name, file.outcome.kind]));

const faultIn = (files: Map<string, ScannedFile>, name: string): string => {
  const outcome = files.get(name)?.outcome;
  return outcome?.kind === 'fault' ? outcome.fault.message : `no fault: ${outcome?.kind}`;
};

describe('what a folder holds', () => {
  test('files and strings of every format are read, a broken one is told and harms nothing', async () => {
    put('alice.session', fileOf(1));
    put('bob.string', renderMaterial(materialOf(2), 'telethon-string'));
    put('carol.txt', Buffer.concat([renderMaterial(materialOf(3), 'gramjs-string'), Buffer.from('\r\n')]));
    put('dave.session', renderMaterial({ ...materialOf(4), userId: 4n }, 'pyrogram-string'));
    put('broken.session', fileOf(5).subarray(0, 6_000));
    put('empty.session', '');
    put('notes.txt', 'remember the milk');
    put('notes.md', 'not looked at');
    put('.hidden.session', fileOf(6));
    put('.session', fileOf(6));
    mkdirSync(join(folder, 'folder.session'));
    const files = await scan();
    expect(kinds(files)).toEqual({
      'alice.session': 'session',
      'bob.string': 'session',
      'broken.session': 'fault',
      'carol.txt': 'session',
      'dave.session': 'session',
      'empty.session': 'fault',
      'notes.txt': 'fault',
    });
    expect(files.get('alice.session')).toMatchObject({
      name: 'alice',
      size: fileOf(1).length,
      outcome: { format: 'telethon-file', material: materialOf(1) },
    });
    expect(files.get('carol.txt')).toMatchObject({ name: 'carol', outcome: { material: materialOf(3) } });
    expect(faultIn(files, 'broken.session')).toMatch(/cut short/);
    expect(faultIn(files, 'notes.txt')).toMatch(/neither a string/);
  });

  test('of two files with one name the second is a fault', async () => {
    put('alice.string', renderMaterial(materialOf(1), 'telethon-string'));
    put('alice.session', fileOf(1));
    const files = await scan();
    expect(kinds(files)).toEqual({ 'alice.session': 'session', 'alice.string': 'fault' });
    expect(faultIn(files, 'alice.string')).toMatch(/alice\.session in the same folder/);
  });

  test('an empty folder holds nothing', async () => {
    expect((await scan()).size).toBe(0);
  });

  test('links are followed within the folder and never out of it, nor are pipes waited for', async () => {
    mkdirSync(join(folder, '..data'));
    writeFileSync(join(folder, '..data', 'mounted.session'), fileOf(1));
    symlinkSync('..data/mounted.session', join(folder, 'mounted.session'));
    writeFileSync(join(parent, 'outside.session'), fileOf(2));
    symlinkSync('../outside.session', join(folder, 'out.session'));
    mkdirSync(join(parent, 'sessions-beside'));
    writeFileSync(join(parent, 'sessions-beside', 'x.session'), fileOf(3));
    symlinkSync('../sessions-beside/x.session', join(folder, 'beside.session'));
    symlinkSync('loop.session', join(folder, 'loop.session'));
    symlinkSync('nowhere.session', join(folder, 'dangling.session'));
    execFileSync('mkfifo', [join(folder, 'pipe.session')]);
    const files = await scan();
    expect(kinds(files)).toEqual({
      'beside.session': 'fault',
      'loop.session': 'fault',
      'mounted.session': 'session',
      'out.session': 'fault',
      'pipe.session': 'fault',
    });
    expect(faultIn(files, 'out.session')).toMatch(/leads out of the folder/);
    expect(faultIn(files, 'beside.session')).toMatch(/leads out of the folder/);
  });

  test('the folder itself may be a link', async () => {
    put('alice.session', fileOf(1));
    renameSync(folder, join(parent, 'elsewhere'));
    symlinkSync('elsewhere', folder);
    expect(kinds(await scan())).toEqual({ 'alice.session': 'session' });
  });
});

describe('files in use', () => {
  test('a large file is read where it lies', async () => {
    const database = new DatabaseSync(put('large.session', fileOf(1)));
    database.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
      INSERT INTO entities SELECT i, i, NULL, NULL, hex(zeroblob(100)), NULL FROM n`);
    database.close();
    expect(kinds(await scan())).toEqual({ 'large.session': 'session' });
    expect(parseMaterialFile).toHaveBeenCalledTimes(1);
  });

  test('what is only in the write-ahead log is read, again at each scan, and nothing is left behind', async () => {
    const writer = new DatabaseSync(put('live.session', fileOf(1)));
    writer.exec('PRAGMA journal_mode = WAL; UPDATE sessions SET dc_id = 4');
    const before = readdirSync(folder);
    const first = await scan();
    expect(first.get('live.session')).toMatchObject({ outcome: { material: { dataCenter: 4 } } });
    writer.exec('UPDATE sessions SET dc_id = 5');
    const second = await scan({ previous: first });
    expect(second.get('live.session')).toMatchObject({ outcome: { material: { dataCenter: 5 } } });
    expect(readdirSync(folder)).toEqual(before);
    writer.close();
  });

  test('one that is being written is read when its writer is done', async () => {
    const writer = new DatabaseSync(put('busy.session', fileOf(1)));
    writer.exec('BEGIN EXCLUSIVE; UPDATE sessions SET dc_id = 3');
    const clock = createFakeClock();
    const scanning = scan({ clock });
    await vi.waitFor(() => expect(clock.pendingTimers).toBe(1));
    writer.exec('COMMIT');
    await clock.advance(50);
    expect((await scanning).get('busy.session')).toMatchObject({ outcome: { material: { dataCenter: 3 } } });
    writer.close();
  });

  test('one that stays locked is a fault that says so', async () => {
    const writer = new DatabaseSync(put('locked.session', fileOf(1)));
    writer.exec('BEGIN EXCLUSIVE; UPDATE sessions SET dc_id = 3');
    put('other.session', fileOf(2));
    const files = await scan();
    expect(kinds(files)).toEqual({ 'locked.session': 'fault', 'other.session': 'session' });
    expect(faultIn(files, 'locked.session')).toMatch(/another program is writing it/);
    writer.close();
  });
});

describe('the next scan', () => {
  test('does not open what is as it was', async () => {
    put('alice.session', fileOf(1));
    put('bob.session', fileOf(2));
    put('broken.session', 'broken');
    const first = await scan();
    vi.clearAllMocks();
    const { parseMaterial } = await import('#lib/telegram/material/detect.ts');
    expect(new Set(Object.values(kinds(await scan({ previous: first }))))).toEqual(new Set(['unchanged']));
    expect(parseMaterial).not.toHaveBeenCalled();
    expect(parseMaterialFile).not.toHaveBeenCalled();
  });

  const changes: Record<string, (path: string) => void> = {
    'a later time': (path) => utimesSync(path, 1_000, 1_000),
    'another size': (path) => appendFileSync(path, Buffer.alloc(1)),
    'another inode': (path) => {
      const times = new Date(5_000);
      utimesSync(path, times, times);
      const copy = `${path}.copy`;
      writeFileSync(copy, fileOf(2));
      utimesSync(copy, times, times);
      renameSync(copy, path);
    },
  };
  test.each(Object.keys(changes))('reads what has %s', async (change) => {
    const path = put('alice.session', fileOf(1));
    utimesSync(path, new Date(5_000), new Date(5_000));
    const first = await scan();
    changes[change]?.(path);
    expect(kinds(await scan({ previous: first }))).toEqual({ 'alice.session': 'session' });
  });

  test('leaves out what is gone', async () => {
    put('alice.session', fileOf(1));
    const path = put('bob.session', fileOf(2));
    const first = await scan();
    unlinkSync(path);
    expect([...(await scan({ previous: first })).keys()]).toEqual(['alice.session']);
  });
});

describe('a folder that is not there', () => {
  test('is a typed error that names the variable', async () => {
    rmSync(folder, { recursive: true });
    await expect(scan()).rejects.toThrow(SessionFolderUnavailable);
    await expect(scan()).rejects.toThrow(/is not there.*SESSIONS_DIR/);
    writeFileSync(folder, 'a file');
    await expect(scan()).rejects.toThrow(/not a folder/);
  });

  test('any more, or replaced, while it was read is not one whose files are gone', async () => {
    for (let n = 0; n < 100; n++) put(`s${n}.session`, fileOf(n + 1));
    for (const afterwards of ['gone', 'replaced']) {
      const seen: string[] = [];
      const act = async (): Promise<void> => {
        for await (const { fileName } of scanSessionFolder(folder, { clock: systemClock })) {
          if (seen.length === 0) renameSync(folder, join(parent, `away-${afterwards}`));
          if (seen.length === 0 && afterwards === 'replaced') mkdirSync(folder);
          seen.push(fileName);
        }
      };
      await expect(act()).rejects.toThrow(SessionFolderUnavailable);
      expect(seen.length).toBeLessThan(100);
      rmSync(folder, { recursive: true, force: true });
      renameSync(join(parent, `away-${afterwards}`), folder);
    }
  });
});

test('progress rises to the end, and a reader that stops early leaves nothing running', async () => {
  for (let n = 0; n < 60; n++) put(`s${n}.session`, fileOf(n + 1));
  const reported: { done: number; total: number }[] = [];
  const clock = createFakeClock();
  const monotonic = vi.spyOn(clock, 'monotonic');
  let elapsed = 0;
  monotonic.mockImplementation(() => (elapsed += 100));
  await scan({ clock, onProgress: (progress) => reported.push(progress) });
  expect(reported.at(-1)).toEqual({ done: 60, total: 60 });
  expect(reported.length).toBeGreaterThan(3);
  expect(reported.map(({ done }) => done)).toEqual(
    reported.map(({ done }) => done).toSorted((a, b) => a - b),
  );

  for await (const file of scanSessionFolder(folder, { clock: systemClock })) {
    expect(file.outcome.kind).toBe('session');
    break;
  }
  rmSync(folder, { recursive: true });
});

test('thousands of files: the event loop stays free, and those unchanged cost next to nothing', async () => {
  for (let n = 0; n < 2_000; n++) put(`s${n}.session`, fileOf((n % 250) + 1));
  let longest = 0;
  let last = performance.now();
  const beat = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  const started = performance.now();
  const first = await scan();
  const fresh = performance.now() - started;
  const again = await scan({ previous: first });
  const unchanged = performance.now() - started - fresh;
  clearInterval(beat);
  expect([...first.values()].filter(({ outcome }) => outcome.kind === 'session')).toHaveLength(2_000);
  expect([...again.values()].filter(({ outcome }) => outcome.kind === 'unchanged')).toHaveLength(2_000);
  // Ten times what a quiet machine takes.
  expect(fresh).toBeLessThan(8_000);
  expect(unchanged).toBeLessThan(2_000);
  expect(longest).toBeLessThan(500);
});

test('a fault holds none of the key', async () => {
  const canary = Buffer.from('CANARY'.repeat(43)).subarray(0, 256);
  const file = Buffer.from(renderMaterial({ ...materialOf(1), authKey: canary }, 'telethon-file'));
  file.fill(0xff, file.indexOf('CANARY') - 32, file.indexOf('CANARY'));
  put('broken.session', file);
  const outcome = (await scan()).get('broken.session')?.outcome;
  expect(outcome).toMatchObject({ kind: 'fault', fault: expect.any(SessionMalformed) });
  expect(JSON.stringify(outcome)).not.toContain('CANARY');
});

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, test } from 'vitest';
import { parseMaterial, parseMaterialFile } from './detect.ts';
import { SessionFileUnavailable, SessionMalformed } from './errors.ts';
import type { Material } from './material.ts';
import * as telethon from './telethon-file.ts';

const material: Material = {
  dataCenter: 2,
  authKey: Buffer.alloc(256, 7),
  address: { host: '149.154.167.51', port: 443 },
};

const folder = mkdtempSync(join(tmpdir(), 'telegate-material-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe('a file where it lies', () => {
  test('is read, and nothing is left beside it', () => {
    const home = join(folder, 'alone');
    mkdirSync(home);
    writeFileSync(join(home, 'a.session'), telethon.render(material));
    expect(parseMaterialFile(join(home, 'a.session'))).toEqual({ format: 'telethon-file', material });
    expect(readdirSync(home)).toEqual(['a.session']);
  });

  test('is read whatever its size', () => {
    const path = write('large.session', telethon.render(material));
    const database = new DatabaseSync(path);
    database.exec(`BEGIN;
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
      INSERT INTO entities SELECT i, i, NULL, NULL, hex(zeroblob(500)), NULL FROM n;
      COMMIT`);
    database.close();
    const started = performance.now();
    expect(parseMaterialFile(path).material).toEqual(material);
    expect(performance.now() - started).toBeLessThan(500);
  });

  test('with what its write-ahead log holds, while another program has it open', () => {
    const path = write('wal.session', telethon.render({ ...material, dataCenter: 4 }));
    const writer = new DatabaseSync(path);
    writer.exec('PRAGMA journal_mode = WAL; UPDATE sessions SET dc_id = 2');
    expect(parseMaterialFile(path).material.dataCenter).toBe(2);
    writer.exec('BEGIN IMMEDIATE; UPDATE sessions SET dc_id = 3');
    expect(parseMaterialFile(path).material.dataCenter).toBe(2);
    writer.close();
  });

  test('in write-ahead mode is read from memory too, without its log', () => {
    const bytes = Uint8Array.from(telethon.render(material));
    bytes[18] = 2;
    bytes[19] = 2;
    expect(parseMaterial(bytes).material).toEqual(material);
  });

  test('says that it is locked, and can be read a moment later', () => {
    const path = write('locked.session', telethon.render(material));
    const writer = new DatabaseSync(path);
    writer.exec('BEGIN EXCLUSIVE');
    expect(() => parseMaterialFile(path)).toThrow(expect.objectContaining({ locked: true }));
    expect(() => parseMaterialFile(path)).toThrow(SessionFileUnavailable);
    writer.exec('COMMIT');
    writer.close();
    expect(parseMaterialFile(path).material).toEqual(material);
  });

  test('left by a program that died in the middle of writing says so', () => {
    const path = write('unfinished.session', telethon.render(material));
    const dying = `const { DatabaseSync } = require('node:sqlite');
      const database = new DatabaseSync(process.argv[1]);
      database.exec("PRAGMA cache_size = 2; BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n " +
        "WHERE i < 3000) INSERT INTO entities SELECT i, i, NULL, NULL, hex(zeroblob(100)), NULL FROM n");
      process.reallyExit(0);`;
    execFileSync(process.execPath, ['-e', dying, path]);
    expect(() => parseMaterialFile(path)).toThrow(/stopped in the middle/);
    expect(() => parseMaterialFile(path)).toThrow(expect.objectContaining({ locked: false }));
  });

  test('is never one behind a symbolic link, nor anything but a file', () => {
    const target = write('target.session', telethon.render(material));
    symlinkSync(target, join(folder, 'link.session'));
    expect(() => parseMaterialFile(join(folder, 'link.session'))).toThrow(/ELOOP/);
    expect(() => parseMaterialFile(folder)).toThrow(SessionMalformed);
    expect(() => parseMaterialFile(join(folder, 'absent.session'))).toThrow(/ENOENT/);
    expect(() => parseMaterialFile(write('text.session', Buffer.from('hello')))).toThrow(/not a SQLite/);
  });

  test('is not changed by being read', () => {
    const path = write('readonly.session', telethon.render(material));
    chmodSync(path, 0o400);
    expect(parseMaterialFile(path).material).toEqual(material);
  });
});

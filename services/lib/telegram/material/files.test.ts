import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { parseMaterial, parseMaterialFile, renderMaterial } from './detect.ts';
import { SessionMalformed } from './errors.ts';
import { materialAtHost, userIds } from './material-arbitraries.ts';
import type { Material } from './material.ts';
import { MAX_DATABASE_BYTES } from './sqlite-tables.ts';
import * as telethon from './telethon-file.ts';

/** 256 bytes 0, 1, 2 … 255; nobody's. */
const patternKey = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
const key = patternKey.toString('hex');
const address = { host: '149.154.167.51', port: 443 };
const material: Material = { dataCenter: 2, authKey: patternKey, address };

const folder = mkdtempSync(join(tmpdir(), 'telegate-material-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function databaseOf(...statements: string[]): Uint8Array {
  const database = new DatabaseSync(':memory:', { defensive: false });
  for (const statement of statements) database.exec(statement);
  const bytes = database.serialize();
  database.close();
  return bytes;
}

const telethonSession = `INSERT INTO sessions (dc_id, server_address, port, auth_key)
  VALUES (2, '149.154.167.51', 443, x'${key}')`;
const telethonVersion = 'CREATE TABLE version (version integer primary key)';
const telethonTable = `CREATE TABLE sessions (dc_id integer primary key, server_address text, port integer, auth_key blob`;

function attempt<T>(act: () => T): T | SessionMalformed {
  try {
    return act();
  } catch (error) {
    if (error instanceof SessionMalformed) return error;
    throw error;
  }
}

/** A row of Pyrogram's table, with further columns of later versions. */
function insert(columns: string, values: string): string {
  return (
    `INSERT INTO sessions (dc_id, test_mode, auth_key, date, user_id, is_bot${columns}) ` +
    `VALUES (4, 0, x'${key}', 0, 5000000000, 1${values})`
  );
}

/** As long a table definition as is let through. */
function filler(n: number): string {
  return `CREATE TABLE t${n} (a CHECK (a IN (${'1,'.repeat(4_500)}1)))`;
}

describe('Telethon', () => {
  test('round trips through the file that is detected', () => {
    const materials = fc.record({ base: materialAtHost, userId: fc.option(userIds, { nil: undefined }) });
    fc.assert(
      fc.property(materials, ({ base, userId }) => {
        const written = { ...base, ...(userId !== undefined && { userId }) };
        const file = renderMaterial(written, 'telethon-file');
        expect(parseMaterial(file)).toEqual({ format: 'telethon-file', material: written });
        expect(parseMaterial(file, 'telethon-file').material).toEqual(written);
      }),
    );
  });

  test.each([
    [1, ''],
    [4, ''],
    [5, ', takeout_id integer'],
    [7, ', takeout_id integer'],
    [8, ', takeout_id integer, tmp_auth_key blob'],
    [99, ', takeout_id integer, something_new text'],
  ])('reads version %i of its schema', (version, more) => {
    const file = databaseOf(
      telethonVersion,
      `INSERT INTO version VALUES (${version})`,
      `${telethonTable}${more})`,
      telethonSession,
    );
    expect(parseMaterial(file)).toEqual({ format: 'telethon-file', material });
  });

  test.each([
    'NULL, NULL',
    `'', 443`,
    `'a b', 443`,
    `'149.154.167.51', 0`,
    `'149.154.167.51', 65536`,
    `'h', 'p'`,
  ])('leaves out an address that is none: %s', (none) => {
    const file = databaseOf(
      telethonVersion,
      `${telethonTable})`,
      `INSERT INTO sessions VALUES (2, ${none}, x'${key}')`,
    );
    expect(parseMaterial(file).material).toEqual({ dataCenter: 2, authKey: patternKey });
  });

  test.each([
    ['no login', `INSERT INTO sessions VALUES (2, '149.154.167.51', 443, x'')`, /nobody has logged in/],
    ['no row', 'SELECT 1', /nobody has logged in/],
    ['a NULL key', 'INSERT INTO sessions VALUES (2, NULL, NULL, NULL)', /nobody has logged in/],
    ['a short key', `INSERT INTO sessions VALUES (2, NULL, 1, x'00ff')`, /2 bytes; 256 are needed/],
    [
      'a key in text',
      `INSERT INTO sessions VALUES (2, NULL, 1, '${'k'.repeat(256)}')`,
      /not stored as bytes/,
    ],
    [
      'a data centre too large',
      `INSERT INTO sessions VALUES (9999999999, NULL, 1, x'${key}')`,
      /data centre/,
    ],
    [
      'two sessions',
      `INSERT INTO sessions VALUES (1, NULL, 1, x'${key}'), (2, NULL, 1, x'${key}')`,
      /several sessions/,
    ],
  ])('says what is wrong: %s', (_, statement, problem) => {
    const file = databaseOf(telethonVersion, `${telethonTable})`, statement);
    expect(() => parseMaterial(file)).toThrow(problem);
    expect(() => parseMaterial(file)).toThrow(expect.objectContaining({ format: 'telethon-file' }));
  });
});

describe('Pyrogram', () => {
  const base = 'dc_id INTEGER PRIMARY KEY, test_mode INTEGER, auth_key BLOB, date INTEGER NOT NULL';
  const users = 'user_id INTEGER, is_bot INTEGER';
  const expected = {
    dataCenter: 4,
    authKey: patternKey,
    testMode: false,
    isBot: true,
    userId: 5_000_000_000n,
  };

  test.each([
    [1, `${base}, ${users}`, '', '', {}],
    [2, `${base}, ${users}`, '', '', {}],
    [3, `${base}, ${users}, api_id INTEGER`, ', api_id', ', 94575', { apiId: 94_575 }],
    [4, `${base}, api_id INTEGER, ${users}`, ', api_id', ', NULL', {}],
    [
      6,
      `${base}, api_id INTEGER, ${users}, server_address TEXT, port INTEGER`,
      ', api_id, server_address, port',
      `, 1, '149.154.167.91', 443`,
      { apiId: 1, address: { host: '149.154.167.91', port: 443 } },
    ],
  ])('reads version %i of its schema', (version, columns, names, values, more) => {
    const file = databaseOf(
      'CREATE TABLE version (number INTEGER PRIMARY KEY)',
      `INSERT INTO version VALUES (${version})`,
      `CREATE TABLE sessions (${columns})`,
      insert(names, values),
    );
    expect(parseMaterial(file)).toEqual({ format: 'pyrogram-file', material: { ...expected, ...more } });
  });

  test('a file that has not logged in is refused by name', () => {
    const file = databaseOf(
      'CREATE TABLE version (number INTEGER PRIMARY KEY)',
      `CREATE TABLE sessions (${base}, ${users})`,
      'INSERT INTO sessions VALUES (2, NULL, NULL, 0, NULL, NULL)',
    );
    expect(() => parseMaterial(file)).toThrow('This Pyrogram file can not be read: it holds no key');
  });
});

describe('hostile and damaged files', () => {
  const good = telethon.render(material);

  test.each([
    [
      'a view named sessions',
      [
        `CREATE VIEW sessions AS SELECT 2 AS dc_id, 'h' AS server_address, 443 AS port,
      x'${key}' AS auth_key`,
      ],
    ],
    [
      'a virtual table named sessions',
      ['CREATE VIRTUAL TABLE sessions USING fts5(dc_id, server_address, port, auth_key)', telethonSession],
    ],
    [
      'a generated key',
      [
        `CREATE TABLE sessions (dc_id integer primary key, server_address text, port integer,
      auth_key blob GENERATED ALWAYS AS (x'${key}') VIRTUAL)`,
        'INSERT INTO sessions (dc_id) VALUES (2)',
      ],
    ],
    ['other tables', ['CREATE TABLE something (id)']],
  ])('%s is not read', (_, statements) => {
    expect(() => parseMaterial(databaseOf(telethonVersion, ...statements))).toThrow(SessionMalformed);
  });

  test('triggers, and views beside the tables, change nothing', () => {
    const file = databaseOf(
      telethonVersion,
      `${telethonTable})`,
      telethonSession,
      'CREATE TABLE log (x)',
      `CREATE VIEW entities AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
        SELECT 0 AS id, count(*) AS hash FROM n`,
      'CREATE TRIGGER t AFTER UPDATE ON sessions BEGIN INSERT INTO log VALUES (1); END',
    );
    expect(parseMaterial(file).material).toEqual(material);
  });

  test('a schema made to keep SQLite busy for minutes is refused before SQLite sees it', () => {
    const database = new DatabaseSync(':memory:', { defensive: false });
    database.exec(`PRAGMA page_size = 65536; PRAGMA writable_schema = ON; ${telethonVersion}; BEGIN`);
    const entry = database.prepare(`INSERT INTO sqlite_schema VALUES ('table', ?, ?, 2, ?)`);
    for (let n = 0; n < 60_000; n++) entry.run(`t${n}`, `t${n}`, `CREATE TABLE t${n} (a, b, c)`);
    database.exec('COMMIT');
    const bytes = database.serialize();
    database.close();
    const path = join(folder, 'schema.session');
    writeFileSync(path, bytes);
    const started = performance.now();
    expect(() => parseMaterial(bytes)).toThrow(/schema .*more than 256/);
    expect(() => parseMaterialFile(path)).toThrow(/schema .*more than 256/);
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  test('the largest schema that is let through is read in well under a second', () => {
    const file = databaseOf('PRAGMA page_size = 65536', ...Array.from({ length: 250 }, (_, n) => filler(n)));
    const started = performance.now();
    expect(() => parseMaterial(file)).toThrow(SessionMalformed);
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  test('a schema whose pages point at one another is refused', () => {
    const many = Array.from({ length: 100 }, (_, n) => `CREATE TABLE table_${n} (a, b, c)`);
    const file = Buffer.from(databaseOf('PRAGMA page_size = 512', ...many));
    expect(() => parseMaterial(file)).toThrow(/without the tables/);
    file.writeUInt32BE(1, 108);
    expect(() => parseMaterial(file)).toThrow(/schema is damaged/);
  });

  test('every way to cut a file short is refused', () => {
    for (let length = 1; length < good.length; length += 97)
      expect(attempt(() => parseMaterial(good.subarray(0, length)))).toBeInstanceOf(SessionMalformed);
    expect(() => parseMaterial(good.subarray(0, 5_000))).toThrow(/cut short: 5000 of \d+ bytes/);
  });

  test('a file with overwritten bytes is read or refused, quickly, and nothing else happens', () => {
    const change = fc.record({ at: fc.nat(good.length - 1), byte: fc.integer({ min: 0, max: 255 }) });
    const header = fc.record({
      at: fc.integer({ min: 16, max: 600 }),
      byte: fc.integer({ min: 0, max: 255 }),
    });
    fc.assert(
      fc.property(
        fc.array(fc.oneof(change, header), { minLength: 1, maxLength: 20 }),
        fc.constantFrom(undefined, 'telethon-file' as const, 'pyrogram-file' as const),
        (changes, format) => {
          const bytes = Uint8Array.from(good);
          for (const { at, byte } of changes) bytes[at] = byte;
          const outcome = attempt(() => parseMaterial(bytes, format));
          expect(outcome instanceof SessionMalformed || outcome.material.authKey.length === 256).toBe(true);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  test('random bytes after a SQLite header are refused', () => {
    const bytes = fc
      .uint8Array({ maxLength: 5_000 })
      .map((tail) => Buffer.concat([Buffer.from('SQLite format 3\0'), tail]));
    fc.assert(
      fc.property(bytes, (file) => {
        expect(attempt(() => parseMaterial(file))).toBeInstanceOf(SessionMalformed);
      }),
    );
  });

  test('an enormous one is refused without being opened', () => {
    const enormous = Buffer.alloc(MAX_DATABASE_BYTES + 1);
    enormous.set(good);
    expect(() => parseMaterial(enormous)).toThrow(/at most 16777216 are read/);
  });

  test('no error shows any of the key', () => {
    const canary = Buffer.from('CANARY'.repeat(43)).subarray(0, 256);
    const file = Buffer.from(telethon.render({ ...material, authKey: canary }));
    const keyAt = file.indexOf('CANARYCANARY');
    for (const [at, byte] of [
      [keyAt - 3, 0xff],
      [keyAt - 8, 0x01],
      [100, 0x02],
    ] as const) {
      const damaged = Buffer.from(file);
      damaged[at] = byte;
      const outcome = attempt(() => parseMaterial(damaged));
      expect(outcome instanceof SessionMalformed ? outcome.message : '').not.toContain('CANARY');
    }
  });
});

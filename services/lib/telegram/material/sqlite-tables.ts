import { constants, closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { DatabaseSyncOptions, SQLOutputValue } from 'node:sqlite';
import { SessionFileUnavailable, SessionMalformed } from './errors.ts';
import type { MaterialFormat } from './material.ts';
import type { Image } from './sqlite-schema-bound.ts';
import { faultOfImage, isSqlite } from './sqlite-schema-bound.ts';

export const MAX_DATABASE_BYTES = 16 * 1024 * 1024;

export type Row = Record<string, SQLOutputValue>;

/** The little that is read of a database that somebody else wrote. */
export interface Tables {
  /** The names of an ordinary table's stored columns; empty for anything else of that name, or nothing. */
  columns(table: TableName): ReadonlySet<string>;
  /** The first rows, at most `limit`. */
  rows(table: TableName, columns: readonly string[], limit: number): Row[];
  rowById(table: TableName, id: number, columns: readonly string[]): Row | undefined;
}

type TableName = 'sessions' | 'version' | 'entities';

const options = {
  readBigInts: true,
  allowExtension: false,
  defensive: true,
  enableForeignKeyConstraints: false,
  enableDoubleQuotedStringLiterals: false,
  // Far above what a session needs, far below what a database made to exhaust its reader needs.
  limits: {
    length: 1024 * 1024,
    sqlLength: 10_000,
    column: 100,
    exprDepth: 50,
    compoundSelect: 5,
    vdbeOp: 25_000,
    functionArg: 8,
    attach: 0,
    likePatternLength: 100,
    variableNumber: 10,
    triggerDepth: 1,
  },
} satisfies DatabaseSyncOptions;

const PRAGMAS =
  'PRAGMA trusted_schema = OFF; PRAGMA query_only = ON; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;';

/** Reads a database that is in memory; nothing is written to disk. */
export function readDatabase<T>(
  bytes: Uint8Array,
  read: (tables: Tables) => T,
  { format }: { format?: MaterialFormat } = {},
): T {
  if (!isSqlite(bytes)) throw new SessionMalformed(format, 'it is not a SQLite database');
  if (bytes.length > MAX_DATABASE_BYTES)
    throw new SessionMalformed(
      format,
      `the database has ${bytes.length} bytes; at most ${MAX_DATABASE_BYTES} are read`,
    );
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const image: Image = {
    size: view.length,
    read: (offset, length) => view.subarray(offset, offset + length),
  };
  refuse(faultOfImage(image, { mayBeIncomplete: false }), format);
  try {
    return query(() => {
      const database = new DatabaseSync(':memory:', options);
      return adopt(database, () => database.deserialize(withoutWriteAheadLog(view)));
    }, read);
  } catch (error) {
    const code = resultCode(error);
    throw code === undefined ? error : damaged(code, format);
  }
}

/**
 * Reads a database on disk where it lies, under its locks and with what its write-ahead log holds; waits at
 * most `lockTimeoutMs` for a writer. Of the file's size, however large, only a few pages are read.
 */
export function readDatabaseFile<T>(
  path: string,
  read: (tables: Tables) => T,
  { lockTimeoutMs = 0 }: { lockTimeoutMs?: number } = {},
): T {
  // SQLite follows symbolic links and waits for ever on a pipe: so the file is looked at first.
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(file, { bigint: true });
    if (!stats.isFile()) throw new SessionMalformed(undefined, 'it is not an ordinary file');
    const image: Image = {
      size: Number(stats.size),
      read(offset, length) {
        const buffer = Buffer.alloc(length);
        return buffer.subarray(0, readSync(file, buffer, 0, length, offset));
      },
    };
    if (!isSqlite(image.read(0, 16))) throw new SessionMalformed(undefined, 'it is not a SQLite database');
    const hasLog = (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
    refuse(faultOfImage(image, { mayBeIncomplete: hasLog }));
    return query(() => {
      const database = new DatabaseSync(path, { ...options, readOnly: true, timeout: lockTimeoutMs });
      return adopt(database, () => {
        if (statSync(path, { bigint: true }).ino !== stats.ino)
          throw new SessionFileUnavailable('it was replaced while it was opened', { locked: true });
      });
    }, read);
  } catch (error) {
    throw explained(error);
  } finally {
    closeSync(file);
  }
}

function refuse(fault: string | undefined, format?: MaterialFormat): void {
  if (fault !== undefined) throw new SessionMalformed(format, fault);
}

/** A database in write-ahead mode does not open in memory; without its log it is one in the usual mode. */
function withoutWriteAheadLog(bytes: Buffer): Buffer {
  if (bytes[18] !== 2 && bytes[19] !== 2) return bytes;
  const copy = Buffer.from(bytes);
  copy[18] = 1;
  copy[19] = 1;
  return copy;
}

function adopt(database: DatabaseSync, prepare: () => void): DatabaseSync {
  try {
    prepare();
    database.exec(PRAGMAS);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function query<T>(open: () => DatabaseSync, read: (tables: Tables) => T): T {
  let database: DatabaseSync | undefined;
  try {
    database = open();
    return read(tablesOf(database));
  } finally {
    database?.close();
  }
}

function tablesOf(database: DatabaseSync): Tables {
  const columnsOf = new Map<string, Set<string>>();
  // A view, a virtual table or a generated column would run what the file's author wrote: a root page says
  // that rows are stored, `hidden` is above 0 for a column that is not.
  for (const { type, name, rootpage } of database
    .prepare('SELECT type, name, rootpage FROM sqlite_schema LIMIT 256')
    .all()) {
    const table = typeof name === 'string' ? name.toLowerCase() : '';
    if (type !== 'table' || typeof rootpage !== 'bigint' || rootpage < 2n || !isTableName(table)) continue;
    const stored = database
      .prepare(`PRAGMA table_xinfo(${table})`)
      .all()
      .filter(({ hidden }) => hidden === 0n);
    columnsOf.set(table, new Set(stored.map((column) => String(column['name']).toLowerCase())));
  }
  return {
    columns: (table) => columnsOf.get(table) ?? new Set(),
    // NOT INDEXED: no index of the author's making, nor statistics of his, decide how the rows are read.
    rows: (table, columns, limit) =>
      database.prepare(`SELECT ${columns.join(', ')} FROM ${table} NOT INDEXED LIMIT ${limit}`).all(),
    rowById: (table, id, columns) =>
      database.prepare(`SELECT ${columns.join(', ')} FROM ${table} NOT INDEXED WHERE rowid = ?`).get(id),
  };
}

function isTableName(name: string): name is TableName {
  return name === 'sessions' || name === 'version' || name === 'entities';
}

/** SQLite's primary result codes; its messages are left out, as they quote what the file's author wrote. */
const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const CANTOPEN = 14;

function explained(error: unknown): unknown {
  const code = resultCode(error);
  if (code === undefined) return error;
  if (code === BUSY || code === LOCKED)
    return new SessionFileUnavailable('another program is writing it', { locked: true });
  if (code === READONLY)
    return new SessionFileUnavailable(
      'the program that wrote it stopped in the middle; open it there once, so that it is put right',
      { locked: false },
    );
  if (code === CANTOPEN)
    return new SessionFileUnavailable('it, or the files of its write-ahead log, can not be opened', {
      locked: false,
    });
  return damaged(code);
}

function resultCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode & 0xff
    : undefined;
}

function damaged(code: number, format?: MaterialFormat): SessionMalformed {
  return new SessionMalformed(format, `the database is damaged (SQLite result code ${code})`);
}

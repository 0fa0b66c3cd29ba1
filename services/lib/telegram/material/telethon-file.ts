import { DatabaseSync } from 'node:sqlite';
import { isTestAddress } from './data-centers.ts';
import { SessionMalformed } from './errors.ts';
import { checkExpressible, expressibleAddress } from './expressible.ts';
import type { Material } from './material.ts';
import { checked } from './session-text.ts';
import { addressIn, integerIn, keyIn, onlySession } from './session-row.ts';
import type { Tables } from './sqlite-tables.ts';
import { readDatabase } from './sqlite-tables.ts';

const FORMAT = 'telethon-file';

/**
 * Written as version 7, of Telethon 1.25 to 1.42: a later Telethon raises it to its own when it opens the file,
 * an earlier one could not read a later version.
 */
const SCHEMA_VERSION = 7;
const SCHEMA = `
  CREATE TABLE version (version integer primary key);
  CREATE TABLE sessions (
    dc_id integer primary key, server_address text, port integer, auth_key blob, takeout_id integer);
  CREATE TABLE entities (
    id integer primary key, hash integer not null, username text, phone integer, name text, date integer);
  CREATE TABLE sent_files (
    md5_digest blob, file_size integer, type integer, id integer, hash integer,
    primary key (md5_digest, file_size, type));
  CREATE TABLE update_state (id integer primary key, pts integer, qts integer, date integer, seq integer);
`;

/** Telethon keeps its own user's id as the access hash of an entity whose id is this. */
const SELF = 0;

export function parse(bytes: Uint8Array): Material {
  return readDatabase(bytes, fromTables, { format: FORMAT });
}

export function isTelethon(tables: Tables): boolean {
  return tables.columns('version').has('version') && tables.columns('sessions').has('server_address');
}

/** What it reads is in every version of the schema: takeout_id and the temporary key came later and are not. */
export function fromTables(tables: Tables): Material {
  if (!isTelethon(tables)) throw new SessionMalformed(FORMAT, 'it has not the tables that Telethon makes');
  const row = onlySession(FORMAT, tables, ['dc_id', 'server_address', 'port', 'auth_key']);
  const address = addressIn(row);
  const userId = ownUserId(tables);
  return checked(FORMAT, {
    dataCenter: integerIn(FORMAT, row, 'dc_id') ?? 0,
    authKey: keyIn(FORMAT, row),
    ...(address && { address }),
    ...(address && isTestAddress(address.host) && { testMode: true }),
    ...(userId !== undefined && { userId }),
  });
}

function ownUserId(tables: Tables): bigint | undefined {
  const columns = tables.columns('entities');
  if (!columns.has('id') || !columns.has('hash')) return undefined;
  const row = tables.rowById('entities', SELF, ['id', 'hash']);
  return row?.['id'] === BigInt(SELF) && typeof row['hash'] === 'bigint' && row['hash'] > 0n
    ? row['hash']
    : undefined;
}

export function render(material: Material): Uint8Array {
  checkExpressible(FORMAT, material);
  const { host, port } = expressibleAddress(FORMAT, material);
  const database = new DatabaseSync(':memory:');
  try {
    database.exec(SCHEMA);
    database.prepare('INSERT INTO version VALUES (?)').run(SCHEMA_VERSION);
    database
      .prepare('INSERT INTO sessions VALUES (?, ?, ?, ?, NULL)')
      .run(material.dataCenter, host, port, material.authKey);
    if (material.userId !== undefined)
      database
        .prepare('INSERT INTO entities VALUES (?, ?, NULL, NULL, NULL, NULL)')
        .run(SELF, material.userId);
    return database.serialize();
  } finally {
    database.close();
  }
}

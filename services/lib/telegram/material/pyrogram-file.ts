import { SessionMalformed } from './errors.ts';
import type { Material } from './material.ts';
import { addressIn, bigintIn, integerIn, keyIn, onlySession } from './session-row.ts';
import { checked } from './session-text.ts';
import type { Tables } from './sqlite-tables.ts';
import { readDatabase } from './sqlite-tables.ts';

const FORMAT = 'pyrogram-file';

/** In every version of the schema. */
const ALWAYS = ['dc_id', 'test_mode', 'auth_key', 'user_id', 'is_bot'];
/** Since version 3, and in the versions of the forks that continue Pyrogram. */
const LATER = ['api_id', 'server_address', 'port'];

export function parse(bytes: Uint8Array): Material {
  return readDatabase(bytes, fromTables, { format: FORMAT });
}

export function isPyrogram(tables: Tables): boolean {
  return tables.columns('version').has('number') && tables.columns('sessions').has('user_id');
}

export function fromTables(tables: Tables): Material {
  if (!isPyrogram(tables)) throw new SessionMalformed(FORMAT, 'it has not the tables that Pyrogram makes');
  const later = LATER.filter((column) => tables.columns('sessions').has(column));
  const row = onlySession(FORMAT, tables, [...ALWAYS, ...later]);
  const userId = bigintIn(FORMAT, row, 'user_id') ?? 0n;
  const apiId = integerIn(FORMAT, row, 'api_id') ?? 0;
  const address = addressIn(row);
  return checked(FORMAT, {
    dataCenter: integerIn(FORMAT, row, 'dc_id') ?? 0,
    authKey: keyIn(FORMAT, row),
    testMode: (integerIn(FORMAT, row, 'test_mode') ?? 0) !== 0,
    isBot: (integerIn(FORMAT, row, 'is_bot') ?? 0) !== 0,
    ...(userId !== 0n && { userId }),
    ...(apiId !== 0 && { apiId }),
    ...(address && { address }),
  });
}

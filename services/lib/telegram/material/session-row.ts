import { SessionMalformed } from './errors.ts';
import type { Address, MaterialFormat } from './material.ts';
import { faultOfAddress } from './material.ts';
import type { Row, Tables } from './sqlite-tables.ts';

/** Both libraries keep one row, and read the first without looking for another. */
export function onlySession(format: MaterialFormat, tables: Tables, columns: readonly string[]): Row {
  const present = tables.columns('sessions');
  const missing = columns.filter((column) => !present.has(column));
  if (missing.length > 0)
    throw new SessionMalformed(format, `its table sessions has no column ${missing.join(', ')}`);
  const [row, another] = tables.rows('sessions', columns, 2);
  if (row === undefined)
    throw new SessionMalformed(format, 'it holds no session: nobody has logged in with it');
  if (another !== undefined)
    throw new SessionMalformed(format, 'it holds several sessions; one file is to hold one');
  return row;
}

export function keyIn(format: MaterialFormat, row: Row): Buffer {
  const key = row['auth_key'];
  if (key === null || key === undefined) return Buffer.alloc(0);
  if (!(key instanceof Uint8Array)) throw new SessionMalformed(format, 'its key is not stored as bytes');
  return Buffer.from(key);
}

/** Undefined for NULL; -1, which no field allows, for a number too large to be one of ours. */
export function integerIn(format: MaterialFormat, row: Row, column: string): number | undefined {
  const value = bigintIn(format, row, column);
  if (value === undefined) return undefined;
  return value >= 0n && value <= 0xffff_ffffn ? Number(value) : -1;
}

export function bigintIn(format: MaterialFormat, row: Row, column: string): bigint | undefined {
  const value = row[column];
  if (value === null || value === undefined) return undefined;
  if (typeof value !== 'bigint') throw new SessionMalformed(format, `its ${column} is not a whole number`);
  return value;
}

/** An address is only a hint, so one that is none is left out. */
export function addressIn(row: Row): Address | undefined {
  const { server_address: host, port } = row;
  if (typeof host !== 'string' || typeof port !== 'bigint') return undefined;
  const address = { host, port: Number(port) };
  return faultOfAddress(address) === undefined ? address : undefined;
}

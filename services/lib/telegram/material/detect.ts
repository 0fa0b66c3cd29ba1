import { SessionMalformed } from './errors.ts';
import * as gramjsString from './gramjs-string.ts';
import type { Material, MaterialFormat } from './material.ts';
import * as pyrogramFile from './pyrogram-file.ts';
import * as pyrogramString from './pyrogram-string.ts';
import { fromBase64, textOf } from './session-text.ts';
import { isSqlite } from './sqlite-schema-bound.ts';
import type { Tables } from './sqlite-tables.ts';
import { readDatabase, readDatabaseFile } from './sqlite-tables.ts';
import * as telethonFile from './telethon-file.ts';
import * as telethonString from './telethon-string.ts';

export interface ParsedMaterial {
  readonly format: MaterialFormat;
  readonly material: Material;
}

export type RenderableFormat = Exclude<MaterialFormat, 'pyrogram-file'>;

const parsers: Record<MaterialFormat, (bytes: Uint8Array) => Material> = {
  'gramjs-string': gramjsString.parse,
  'telethon-string': telethonString.parse,
  'telethon-file': telethonFile.parse,
  'pyrogram-string': pyrogramString.parse,
  'pyrogram-file': pyrogramFile.parse,
};

const renderers: Record<RenderableFormat, (material: Material) => Uint8Array> = {
  'gramjs-string': gramjsString.render,
  'telethon-string': telethonString.render,
  'telethon-file': telethonFile.render,
  'pyrogram-string': pyrogramString.render,
};

/** Finds out the format unless it is given; throws SessionMalformed for everything that is not a session. */
export function parseMaterial(bytes: Uint8Array, format?: MaterialFormat): ParsedMaterial {
  if (bytes.length === 0) throw new SessionMalformed(format, 'it is empty');
  if (format === undefined && isSqlite(bytes)) return readDatabase(bytes, fromTables);
  const found = format ?? stringFormat(textOf(bytes));
  return { format: found, material: parsers[found](bytes) };
}

/**
 * Reads a SQLite session where it lies, under its locks: for files that are too large for memory or that
 * another program has open. Throws SessionFileUnavailable when it is locked, and what the file system throws.
 */
export function parseMaterialFile(path: string, options: { lockTimeoutMs?: number } = {}): ParsedMaterial {
  return readDatabaseFile(path, fromTables, options);
}

export function renderMaterial(material: Material, format: RenderableFormat): Uint8Array {
  return renderers[format](material);
}

function fromTables(tables: Tables): ParsedMaterial {
  if (telethonFile.isTelethon(tables))
    return { format: 'telethon-file', material: telethonFile.fromTables(tables) };
  if (pyrogramFile.isPyrogram(tables))
    return { format: 'pyrogram-file', material: pyrogramFile.fromTables(tables) };
  throw new SessionMalformed(
    undefined,
    'it is a SQLite database without the tables that Telethon or Pyrogram makes',
  );
}

/** Telethon's and GramJS's begin with the version 1; Pyrogram's with the data centre, which base64 makes A or B. */
function stringFormat(text: string): MaterialFormat {
  if (text.startsWith(telethonString.VERSION)) {
    const payload = fromBase64(text.slice(telethonString.VERSION.length));
    if (payload && gramjsString.hasLayout(payload)) return 'gramjs-string';
    if (payload && telethonString.hasLayout(payload)) return 'telethon-string';
    if (payload && text.length > 300)
      throw new SessionMalformed(
        undefined,
        `it begins like a Telethon or GramJS string but holds ${payload.length} bytes, which neither has: ` +
          'part of it is missing, or there is too much',
      );
  } else if (pyrogramString.hasLayout(text)) return 'pyrogram-string';
  throw new SessionMalformed(
    undefined,
    'it is neither a string of Telethon, GramJS or Pyrogram nor a SQLite file of Telethon or Pyrogram',
  );
}

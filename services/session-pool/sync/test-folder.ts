import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { openDatabase } from '#lib/postgres/database.ts';
import { renderMaterial, type RenderableFormat } from '#lib/telegram/material/detect.ts';
import { fingerprint } from '#lib/telegram/material/fingerprint.ts';
import type { Material } from '#lib/telegram/material/material.ts';
import { silent, type TestPool } from '../../../tests/support/pool.ts';
import type { Pool } from '../pool.ts';
import type { PoolTables } from '../tables.ts';

export interface TestFolder {
  readonly path: string;
  /** Writes a session file; answers whose it is. */
  put(fileName: string, material?: Material, format?: RenderableFormat): Material;
  write(fileName: string, bytes: Uint8Array | string): void;
  rename(from: string, to: string): void;
  remove(fileName: string): void;
  /** As when its volume is not mounted any more. */
  takeAway(): void;
  close(): void;
}

export function newMaterial(): Material {
  return { dataCenter: 2, authKey: randomBytes(256) };
}

export function openTestFolder(): TestFolder {
  const parent = mkdtempSync(join(tmpdir(), 'telegate-sync-'));
  const path = join(parent, 'sessions');
  mkdirSync(path);
  // As programs do that care: the file appears whole.
  const write = (fileName: string, bytes: Uint8Array | string): void => {
    writeFileSync(join(parent, 'draft'), bytes);
    renameSync(join(parent, 'draft'), join(path, fileName));
  };
  return {
    path,
    write,
    put(fileName, material = newMaterial(), format = 'telethon-string') {
      write(fileName, renderMaterial(material, format));
      return material;
    },
    rename: (from, to) => renameSync(join(path, from), join(path, to)),
    remove: (fileName) => rmSync(join(path, fileName)),
    takeAway: () => rmSync(path, { recursive: true }),
    close: () => rmSync(parent, { recursive: true, force: true }),
  };
}

/** Another process on the same pool. */
export function anotherReplica(pool: TestPool): Pool & { close(): Promise<void> } {
  const database = openDatabase<PoolTables>({
    url: pool.url,
    schema: 'session_pool',
    poolSize: 12,
    applicationName: 'another',
    log: silent,
  });
  return { ...pool, database, replicaId: randomUUIDv7(), close: () => database.close() };
}

export interface PoolEntry {
  session_id: bigint;
  name: string;
  source: string;
  has_file: boolean;
  condition: number;
  print: string;
}

export async function entriesOf(pool: Pool, tenantId: string): Promise<Map<string, PoolEntry>> {
  const { rows } = await sql<PoolEntry>`
    select session_id, name, source, has_file, slots.condition, encode(fingerprint, 'hex') as print
    from sessions join slots using (session_id)
    where sessions.tenant_id = ${tenantId}::uuid order by name`.execute(pool.database.kysely);
  return new Map(rows.map((row) => [row.name, row]));
}

export function printOf({ authKey }: Material): string {
  return fingerprint(authKey).toString('hex');
}

import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { TestProject } from 'vitest/node';
import { isAlive, leftBehind, stopProcess } from '#lib/postgres/embedded/process.ts';
import { startEmbeddedPostgres } from '#lib/postgres/embedded.ts';

/** One PostgreSQL for the whole run; TEST_DATABASE_URL names another one to use. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env['TEST_DATABASE_URL'];
  if (given) {
    project.provide('postgresUrl', given);
    return undefined;
  }
  await removeLeftovers();
  const dataDir = join(tmpdir(), `${PREFIX}${process.pid}`);
  const postgres = await startEmbeddedPostgres({
    dataDir,
    log: pino({ level: 'warn' }),
    durability: 'tests',
    onExit: (how) => console.error(`the PostgreSQL of the tests ended by itself: ${how}`),
  });
  project.provide('postgresUrl', postgres.url);
  return async () => {
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
}

const PREFIX = 'telegate-tests-';

/** Of runs that were killed: their servers would run for ever. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue;
    const owner = Number(name.slice(PREFIX.length));
    if (owner !== process.pid && isAlive(owner)) continue;
    const folder = join(tmpdir(), name);
    const left = existsSync(join(folder, 'cluster')) ? leftBehind(join(folder, 'cluster')) : undefined;
    if (left?.kind === 'server') await stopProcess(left.pid);
    if (left?.kind !== 'unknown') await rm(folder, { recursive: true, force: true });
  }
}

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MasterKeys } from '#lib/config/shared.ts';
import { readMaterials } from '../../services/session-pool/sessions/credentials.ts';
import { sessionCalls } from '../../services/session-pool/sessions/test-calls.ts';
import {
  callOf,
  masterKeysOf,
  newTenant,
  openTestPool,
  randomMaterial,
  telethonString,
  type TestPool,
} from '../../services/session-pool/sessions/test-pool.ts';
import { summaryOf } from './summary.ts';

let pool: TestPool;

beforeAll(async () => {
  pool = await openTestPool({ masterKeys: masterKeysOf(1) });
});

afterAll(() => pool.close());

const script = fileURLToPath(new URL('./rotate.ts', import.meta.url));

async function run(
  env: Record<string, string>,
  ...argv: string[]
): Promise<{ code: number; output: string }> {
  const options = { env: { PATH: process.env['PATH'], ...env } };
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [script, ...argv], options);
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, output: stdout + stderr };
  }
}

function asVariable({ keys }: MasterKeys): string {
  return [...keys].map(([version, key]) => `${version}:${key.toString('base64')}`).join(',');
}

test('the command rotates, says what can go, and shows no key', async () => {
  const tenant = newTenant();
  const material = randomMaterial();
  const { sessionId } = await sessionCalls(pool).bringIn(callOf(tenant), {
    material: telethonString(material),
  });
  const masterKeys = masterKeysOf(2, 1);
  const env = { DATABASE_URL: pool.url, TELEGATE_MASTER_KEY: asVariable(masterKeys) };
  const { code, output } = await run(env);
  expect(output).toContain('Session keys rewrapped: 1. Version 2 wraps 1 of 1 in all.');
  expect(output).toContain('Version 1 wraps none any more');
  expect(code).toBe(0);
  for (const key of masterKeys.keys.values())
    expect(output).not.toContain(key.toString('base64').slice(0, 16));
  const [read] = await readMaterials(pool.database.kysely, masterKeysOf(2), [
    { session_id: sessionId, tenant_id: tenant },
  ]);
  expect(read?.authKey).toEqual(material.authKey);

  const withoutOld = { ...env, TELEGATE_MASTER_KEY: asVariable(masterKeysOf(3)) };
  const failed = await run(withoutOld);
  expect(failed.code).toBe(1);
  expect(failed.output).toContain('Version 2 of the master key still wraps 1');
});

test('--help and missing variables', async () => {
  const help = await run({}, '--help');
  expect(help.code).toBe(0);
  expect(help.output).toContain('TELEGATE_MASTER_KEY');
  const missing = await run({});
  expect(missing.code).toBe(2);
  expect(missing.output).toContain('DATABASE_URL: must be set');
});

test('the summary names at most twenty failures', () => {
  const failed = Array.from({ length: 25 }, (_, n) => ({ sessionId: BigInt(n), problem: 'broken' }));
  const lines = summaryOf({ rewrapped: 0, failed, left: new Map([[1, 25]]) }, masterKeysOf(2, 1));
  expect(lines.filter((line) => line.endsWith('broken'))).toHaveLength(20);
  expect(lines).toContain('… and 5 sessions more.');
});

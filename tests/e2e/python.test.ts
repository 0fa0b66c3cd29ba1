import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { randomUUIDv7 } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { operatorScopes } from '#lib/auth/principal.ts';
import { startPoolMesh, telethonString, type PoolMesh } from '../support/session-pool.ts';

const python = process.env['TELEGATE_PYTHON'] ?? 'python3';
const script = fileURLToPath(new URL('../python/lease_roundtrip.py', import.meta.url));
const canRun = spawnSync(python, ['-c', 'import grpc, google.rpc.status_pb2']).status === 0;
const reason = 'needs python3 with tests/python/requirements.txt; TELEGATE_PYTHON names another python';

if (!canRun && process.env['TELEGATE_TEST_REQUIRE_PYTHON'] === '1') throw new Error(reason);

describe.skipIf(!canRun)(
  `a client in Python, on generated stubs alone${canRun ? '' : ` (${reason})`}`,
  () => {
    let mesh: PoolMesh;
    beforeAll(async () => {
      mesh = await startPoolMesh();
    });
    afterAll(() => mesh.stop());

    test('leases, renews over a stream, is refused with a stale token, releases', async () => {
      const tenantId = '00000000-0000-7000-8000-000000000001';
      const session = `python ${randomUUIDv7()}`;
      const client = mesh.client(tenantId, { scopes: [...operatorScopes] });
      await client.importSession({ name: session, material: telethonString() });
      const { code, output } = await run({
        TELEGATE_ENDPOINT: mesh.replicas[0]!.address,
        TELEGATE_API_KEY: mesh.operatorKey,
        TELEGATE_SESSION_NAME: session,
      });
      expect({ code, output }).toMatchObject({ code: 0 });
      expect((await client.getPoolStatus({})).status).toMatchObject({ total: 1, free: 1 });
    });
  },
);

async function run(env: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const child = spawn(python, [script], { env: { ...process.env, ...env }, timeout: 30_000 });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, output };
}

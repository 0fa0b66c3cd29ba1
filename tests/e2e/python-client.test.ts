import { fileURLToPath } from 'node:url';
import { spawn, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGatewayMesh, type GatewayMesh } from '../support/gateway.ts';

const client = fileURLToPath(new URL('../../clients/python', import.meta.url));

function missing(): string | undefined {
  if (spawnSync('python3', ['--version']).error) return 'no python3 on PATH';
  const { status } = spawnSync('python3', ['-c', 'import pytest']);
  return status === 0 ? undefined : 'pip install pytest, to run them';
}

const why = missing();

interface Ran {
  code: number | null;
  output: string;
}

function python(args: string[], env: Record<string, string>): Promise<Ran> {
  const child = spawn('python3', args, {
    cwd: client,
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      PYTHONPATH: 'src',
      PYTHONDONTWRITEBYTECODE: '1',
      ...env,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

describe.skipIf(why !== undefined)(
  `the Python client${why === undefined ? '' : ` (skipped: ${why})`}`,
  () => {
    let mesh: GatewayMesh;
    beforeAll(async () => {
      mesh = await startGatewayMesh();
    });
    afterAll(() => mesh?.stop());

    test('its own tests, against a running mesh', async () => {
      const { key } = (await mesh.tenant(2)).key();
      const ran = await python(['-m', 'pytest', '-q', '-p', 'no:cacheprovider', 'tests'], {
        TELEGATE_URL: mesh.url,
        TELEGATE_API_KEY: key,
      });
      expect(ran).toMatchObject({ code: 0, output: expect.not.stringContaining('skipped') });
    }, 120_000);

    test('its example takes a session and gives it back', async () => {
      const tenant = await mesh.tenant(1);
      const ran = await python(['examples/telethon_example.py'], {
        TELEGATE_URL: mesh.url,
        TELEGATE_API_KEY: tenant.key().key,
      });
      expect(ran).toMatchObject({ code: 0, output: expect.stringContaining('released') });
      expect(ran.output).toContain('session1');
      expect((await tenant.client.listLeases({})).leases).toEqual([]);
    });
  },
);

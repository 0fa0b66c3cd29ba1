import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LocalTelegramService } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { connect } from '#lib/rpc/client.ts';
import { Api, resumedClient } from '../../tests/support/gramjs.ts';

let folder: string;
const running: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'local-telegram-'));
});

afterEach(async () => {
  await Promise.all(running.splice(0).map(stop));
  rmSync(folder, { recursive: true });
});

function start(env: NodeJS.ProcessEnv): ChildProcess {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    env: { PATH: process.env['PATH'], GRPC_PORT: '0', ADMIN_PORT: '0', MTPROTO_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

async function served(env: NodeJS.ProcessEnv) {
  const child = start(env);
  for await (const line of createInterface({ input: child.stdout! })) {
    const entry = JSON.parse(line) as { event?: string; grpc_port?: number; admin_port?: number };
    if (entry.event !== 'serving') continue;
    const control = connect(LocalTelegramService, {
      address: `127.0.0.1:${entry.grpc_port}`,
      defaultDeadlineMs: 10_000,
    });
    return { child, control, adminPort: entry.admin_port! };
  }
  throw new Error('it ended before it served');
}

test('accounts, keys and messages outlive the process when a file is named', async () => {
  const env = { STATE_FILE: join(folder, 'deeper', 'state') };
  const first = await served(env);
  expect((await fetch(`http://127.0.0.1:${first.adminPort}/readyz`)).status).toBe(200);
  const info = await first.control.getServerInfo({});
  const { accounts } = await first.control.listAccounts({});
  const [alice] = accounts;
  const { keys } = await first.control.createAuthorization({ accountId: alice!.accountId });
  first.control.close();
  await stop(first.child);

  const second = await served(env);
  const again = await second.control.getServerInfo({});
  expect(again.environment).toBe(info.environment);
  expect(again.rsaFingerprint).toBe(info.rsaFingerprint);
  expect((await second.control.listAccounts({})).accounts.map(({ phone }) => phone)).toEqual(
    accounts.map(({ phone }) => phone),
  );
  const target = {
    dataCenters: again.dataCenters.map(({ dataCenter, host, port }) => ({ id: dataCenter, host, port })),
    rsa: { modulus: Buffer.from(again.rsaModulus), exponent: 65_537, fingerprint: 0n },
  };
  const client = await resumedClient(target, { authKey: Buffer.from(keys[0]!.authKey) });
  await client.connect();
  const dialogs = (await client.invoke(
    new Api.messages.GetDialogs({ offsetPeer: new Api.InputPeerEmpty(), limit: 10 }),
  )) as Api.messages.Dialogs;
  expect(dialogs.messages.map((one) => (one as Api.Message).message)).toContain(
    'Hello Alice, this is Carol.',
  );
  await client.destroy();
  second.control.close();
});

test('a file that is no state is refused by name', async () => {
  const path = join(folder, 'state');
  writeFileSync(path, 'something else');
  const child = start({ STATE_FILE: path });
  let complaint = '';
  child.stderr!.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  expect((await once(child, 'exit'))[0]).toBe(1);
  expect(complaint).toContain(`${path} is no state of a local Telegram`);
});

test('away from the loopback address it does not start without an operator key', async () => {
  const child = start({ LISTEN_HOST: '0.0.0.0' });
  let complaint = '';
  child.stderr!.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  expect((await once(child, 'exit'))[0]).toBe(1);
  expect(complaint).toContain('TELEGATE_OPERATOR_KEY');
});

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { LocalTelegramService } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { connect } from '#lib/rpc/client.ts';
import { randomBytes } from 'node:crypto';
import {
  Api,
  generateRandomBytes,
  readBigIntFromBuffer,
  resumedClient,
  returnBigInt,
  type PlainTarget,
} from '../../support/gramjs.ts';
import { RawClient } from '../../support/raw-mtproto.ts';

/*
 * messages.sendMessage a second: the local Telegram in a process of its own, 64 clients in this
 * one. Each client sends to the next, one message at a time, and gets what is sent to it. The clients are the tests'
 * own light ones, so that it is the server that is measured; with --library those of GramJS, which take most of a
 * core themselves.
 *
 *   node tests/bench/local-telegram/send.ts [--clients 64] [--seconds 5] [--rounds 3] [--library]
 */

const main = fileURLToPath(new URL('../../../services/local-telegram/main.ts', import.meta.url));
const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    library: { type: 'boolean', default: false },
  },
});
const TARGET = 1_500;
const count = Number(values.clients);

const server = spawn(process.execPath, [main], {
  env: { ...process.env, GRPC_PORT: '0', ADMIN_PORT: '0', MTPROTO_PORT: '0', SEED: 'false' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const grpcPort = await new Promise<number>((resolve) => {
  createInterface({ input: server.stdout }).on('line', (line) => {
    const entry = JSON.parse(line) as { kind?: string; grpc_port?: number };
    if (entry.kind === 'serving') resolve(entry.grpc_port!);
  });
});

try {
  const control = connect(LocalTelegramService, {
    address: `127.0.0.1:${grpcPort}`,
    defaultDeadlineMs: 30_000,
  });
  const info = await control.getServerInfo({});
  const target = {
    dataCenters: info.dataCenters.map(({ dataCenter, host, port }) => ({ id: dataCenter, host, port })),
    rsa: {
      modulus: Buffer.from(info.rsaModulus),
      exponent: Number(info.rsaExponent),
      fingerprint: BigInt.asIntN(64, BigInt(`0x${info.rsaFingerprint}`)),
    },
  };
  const { accounts } = await control.createAccounts({
    accounts: Array.from({ length: count }, (_, i) => ({
      phone: `+1888${String(i).padStart(7, '0')}`,
      username: `bench_${i}`,
    })),
  });
  const senders = await Promise.all(
    accounts.map(async (_, i) => {
      const to = { username: `bench_${(i + 1) % count}` };
      const { keys } = await control.createAuthorization({ accountId: accounts[i]!.accountId });
      const key = Buffer.from(keys[0]!.authKey);
      return values.library ? librarySender(target, key, to.username) : rawSender(target, key, to.username);
    }),
  );
  const rates: number[] = [];
  let total = 0;
  for (let round = 0; round < Number(values.rounds); round += 1) {
    let sent = 0;
    const startedAt = performance.now();
    const until = startedAt + 1_000 * Number(values.seconds);
    await Promise.all(
      senders.map(async (send) => {
        for (; performance.now() < until; sent += 1) await send(`message ${sent}`);
      }),
    );
    rates.push((1_000 * sent) / (performance.now() - startedAt));
    total += sent;
  }
  const { counters } = await control.getCounters({});
  if (counters!.messagesSent !== BigInt(total))
    throw new Error(`${total} calls were answered, but ${counters!.messagesSent} messages were sent`);
  const median = rates.toSorted((a, b) => a - b)[rates.length >> 1]!;
  const shown = rates.map((rate) => Math.round(rate)).join(', ');
  console.log(`${count} clients: ${shown} sendMessage/s; median ${Math.round(median)}, target ${TARGET}`);
  process.exitCode = median >= TARGET ? 0 : 1;
  control.close();
} finally {
  server.kill('SIGTERM');
}
type Send = (text: string) => Promise<void>;

async function librarySender(target: PlainTarget, authKey: Buffer, username: string): Promise<Send> {
  const client = await resumedClient(target, { authKey });
  await client.connect();
  await client.invoke(new Api.updates.GetState());
  const found = await client.invoke(new Api.contacts.ResolveUsername({ username }));
  const user = found.users[0] as Api.User;
  const peer = new Api.InputPeerUser({ userId: user.id, accessHash: user.accessHash ?? returnBigInt(0) });
  return async (message) => {
    const randomId = readBigIntFromBuffer(generateRandomBytes(8), true, true);
    await client.invoke(new Api.messages.SendMessage({ peer, message, randomId }));
  };
}

async function rawSender(target: PlainTarget, authKey: Buffer, username: string): Promise<Send> {
  const client = await new RawClient(authKey).open(target.dataCenters[0]!.port);
  client.call({ _: 'updates.getState' }).catch(() => undefined);
  await client.salted();
  await client.call({ _: 'updates.getState' });
  const found = await client.call({ _: 'contacts.resolveUsername', username });
  const [user] = found['users'] as { id: bigint; access_hash: bigint }[];
  const peer = { _: 'inputPeerUser', user_id: user!.id, access_hash: user!.access_hash };
  return async (message) => {
    const random_id = randomBytes(8).readBigInt64LE();
    await client.call({ _: 'messages.sendMessage', peer, message, random_id });
    client.received.length = 0;
  };
}

process.exit();

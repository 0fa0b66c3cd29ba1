import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ProxyState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import { startSocks5 } from '../../support/socks5.ts';
import { openBench } from '../pool/bench.ts';
import { startProgram } from '../pool/system.ts';
import type { Line } from '../report.ts';
import { startLocal } from '../telegram/local.ts';

const PROXIES = 500;
const ACCOUNTS = 5_000;
const IN_FLIGHT = 64;
const MAIN = fileURLToPath(new URL('../../../services/proxy-registry/main.ts', import.meta.url));

/** Each of many accounts gets its proxy in a call of its own, from among proxies that were all seen to work. */
export async function measureAssignments(): Promise<Line[]> {
  const local = await startLocal();
  // One server, and all of 127.0.0.0/8 leads to it: as many proxies as there are addresses.
  const socks = await startSocks5({ listenHost: '0.0.0.0' });
  const keys = {
    TELEGATE_MESH_KEY: randomBytes(32).toString('base64'),
    TELEGATE_MASTER_KEY: `1:${randomBytes(32).toString('base64')}`,
  };
  const bench = await openBench({
    seconds: 1,
    rounds: 1,
    events: undefined,
    profileFolder: undefined,
    say: (text) => console.error(text),
  });
  try {
    const system = await bench.start({ sessions: 0, env: keys });
    const registry = await startProgram(
      [MAIN],
      {
        PATH: process.env['PATH'],
        DATABASE_URL: system.url,
        ...(bench.natsUrl === undefined ? {} : { NATS_URL: bench.natsUrl }),
        ...keys,
        TELEGATE_OPERATOR_KEY: system.apiKey,
        GRPC_PORT: '0',
        ADMIN_PORT: '0',
        LOCAL_TELEGRAM_ADDRESS: local.address,
        ALLOW_PRIVATE_PROXIES: 'loopback',
        PROXY_CAPACITY: String((2 * ACCOUNTS) / PROXIES),
      },
      'serving',
    );
    const address = `127.0.0.1:${String(registry.said['grpc_port'])}`;
    const client = connect(ProxyRegistryService, { address, apiKey: system.apiKey });
    try {
      await addProxies(client, socks.port);
      return [lineOf(await assignAll(client))];
    } finally {
      client.close();
      await registry.stop();
    }
  } finally {
    await bench.stop();
    await socks.close();
    await local.stop();
  }
}

async function addProxies(client: Client<typeof ProxyRegistryService>, port: number): Promise<void> {
  const lines = Array.from(
    { length: PROXIES },
    (_, index) => `127.0.${1 + (index >> 8)}.${index & 255}:${port}`,
  );
  await client.importProxies({ list: lines.join('\n'), requestId: randomUUIDv7() });
  const isUp = async (): Promise<boolean> => {
    const { proxies } = await client.listProxies({ pageSize: 1_000 });
    return proxies.length === PROXIES && proxies.every(({ state }) => state === ProxyState.UP);
  };
  while (!(await isUp())) await sleep(250);
}

/** Calls a second. */
async function assignAll(client: Client<typeof ProxyRegistryService>): Promise<number> {
  let left = ACCOUNTS;
  const startedAt = performance.now();
  const work = async (): Promise<void> => {
    for (; left > 0;) {
      left -= 1;
      await client.assignProxy({ accountId: randomUUIDv7(), requestId: randomUUIDv7() });
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  return (1_000 * ACCOUNTS) / (performance.now() - startedAt);
}

function lineOf(value: number): Line {
  return {
    name: `AssignProxy, ${ACCOUNTS} accounts over ${PROXIES} proxies, ${IN_FLIGHT} in flight`,
    value,
    shown: `${Math.round(value)} calls/s`,
    target: { atLeast: 1_000 },
  };
}

import { randomBytes } from 'node:crypto';
import { RawClient } from '../../support/raw-mtproto.ts';
import type { Line } from '../report.ts';
import { median } from '../statistics.ts';
import type { Local } from './local.ts';

const TARGET = 1_500;

/**
 * messages.sendMessage a second: the local Telegram in a process of its own, the clients in this one. Each sends to
 * the next, one message at a time, and gets what is sent to it. The clients are the tests' own light ones, so that it
 * is the server that is measured.
 */
export async function measureSends(
  { control, info }: Local,
  { clients, rounds, seconds }: { clients: number; rounds: number; seconds: number },
): Promise<Line[]> {
  const { accounts } = await control.createAccounts({
    accounts: Array.from({ length: clients }, (_, i) => ({
      phone: `+1888${String(i).padStart(7, '0')}`,
      username: `bench_${i}`,
    })),
  });
  const { port } = info.dataCenters[0]!;
  const senders = await Promise.all(
    accounts.map(async ({ accountId }, i) => {
      const { keys } = await control.createAuthorization({ accountId });
      return openSender(port, Buffer.from(keys[0]!.authKey), `bench_${(i + 1) % clients}`);
    }),
  );
  const rates: number[] = [];
  let total = 0;
  try {
    for (let round = 0; round < rounds; round += 1) {
      let sent = 0;
      const startedAt = performance.now();
      const until = startedAt + 1_000 * seconds;
      await Promise.all(
        senders.map(async ({ send }) => {
          for (; performance.now() < until; sent += 1) await send(`message ${sent}`);
        }),
      );
      rates.push((1_000 * sent) / (performance.now() - startedAt));
      total += sent;
    }
  } finally {
    for (const { client } of senders) client.close();
  }
  const { counters } = await control.getCounters({});
  if (counters!.messagesSent !== BigInt(total))
    throw new Error(`${total} calls were answered, but ${counters!.messagesSent} messages were sent`);
  const value = median(rates);
  const name = `the local Telegram, sendMessage by ${clients} clients`;
  return [
    { name, value, shown: `${Math.round(value)} messages/s`, target: { atLeast: TARGET }, rounds: rates },
  ];
}

async function openSender(port: number, authKey: Buffer, username: string) {
  const client = await new RawClient(authKey).open(port);
  client.call({ _: 'updates.getState' }).catch(() => undefined);
  await client.salted();
  await client.call({ _: 'updates.getState' });
  const found = await client.call({ _: 'contacts.resolveUsername', username });
  const [user] = found['users'] as { id: bigint; access_hash: bigint }[];
  const peer = { _: 'inputPeerUser', user_id: user!.id, access_hash: user!.access_hash };
  const send = async (message: string): Promise<void> => {
    const random_id = randomBytes(8).readBigInt64LE();
    await client.call({ _: 'messages.sendMessage', peer, message, random_id });
    client.received.length = 0;
  };
  return { client, send };
}

import { randomUUIDv7 } from 'node:crypto';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Bench } from '../pool/bench.ts';
import { ratioLine, type Line } from '../report.ts';
import { median } from '../statistics.ts';
import { makeKeys } from '../telegram/local.ts';
import { startCaller } from '../telegram/suite.ts';
import { startWatchMesh, type BenchAccount, type MessagingProcess } from './watch-mesh.ts';

const ACCOUNTS = 64;
const BARE = fileURLToPath(new URL('bare-sends.ts', import.meta.url));

interface Round {
  readonly rate: number;
  /** Of the whole machine: the caller, the mesh, the database and the local Telegram. */
  readonly cpuMicros: number;
}

/**
 * SendMessage through the mesh against the bare driver on the same local Telegram: 64 accounts that send to themselves,
 * one message after the other each, in rounds that take turns.
 */
export async function measureSends(bench: Bench): Promise<Line[]> {
  const { rounds, seconds } = bench.options;
  const mesh = await startWatchMesh(bench);
  const accounts = await mesh.accounts(ACCOUNTS);
  const messaging = await mesh.messaging();
  const bare = await startCaller([BARE, mesh.local.address], await makeKeys(mesh.local.control, ACCOUNTS));
  try {
    const through: Round[] = [];
    const plain: Round[] = [];
    await sendFor(messaging, accounts, 1);
    await bare.round(1);
    for (let round = 0; round < rounds; round += 1) {
      through.push(await measured(() => sendFor(messaging, accounts, seconds), seconds));
      plain.push(await measured(async () => (await bare.round(seconds)).rate, seconds));
    }
    const rates = (all: readonly Round[]): number[] => all.map(({ rate }) => rate);
    return [
      linesOf(`SendMessage, ${ACCOUNTS} accounts`, through),
      linesOf(`the bare driver, ${ACCOUNTS} accounts`, plain),
      ratioLine('SendMessage over the bare driver', rates(through), rates(plain), 0.4),
    ];
  } finally {
    await bare.stop();
    await mesh.stop();
  }
}

/** Sends a second. */
async function sendFor(
  { client }: MessagingProcess,
  accounts: readonly BenchAccount[],
  seconds: number,
): Promise<number> {
  const startedAt = performance.now();
  const until = startedAt + 1_000 * seconds;
  let done = 0;
  await Promise.all(
    accounts.map(async ({ accountId, userId }) => {
      const actor = { actor: { case: 'accountId', value: accountId } } as const;
      for (; performance.now() < until; done += 1)
        await client.sendMessage({
          actor,
          peer: `user:${userId}`,
          text: 'a message of the benchmark',
          requestId: randomUUIDv7(),
        });
    }),
  );
  return (1_000 * done) / (performance.now() - startedAt);
}

async function measured(work: () => Promise<number>, seconds: number): Promise<Round> {
  const before = busyMs();
  const rate = await work();
  return { rate, cpuMicros: (1_000 * (busyMs() - before)) / (rate * seconds) };
}

function busyMs(): number {
  return cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0);
}

function linesOf(name: string, all: readonly Round[]): Line {
  const value = median(all.map(({ rate }) => rate));
  const cpu = median(all.map(({ cpuMicros }) => cpuMicros));
  const shown = `${Math.round(value)} sends/s, ${Math.round(cpu)} µs of the machine's CPU each`;
  return { name, value, shown, rounds: all.map(({ rate }) => rate) };
}

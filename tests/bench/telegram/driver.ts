/*
 * One process of the driver, against the local Telegram whose control service is at ADDRESS. The first line of stdin
 * has the keys, so that what it took to make them is not in the memory that is measured.
 *
 *   node --expose-gc driver.ts ADDRESS hold COUNT SECONDS    sessions connected and idle
 *   node --expose-gc driver.ts ADDRESS cycle COUNT           connects and disconnects
 *   node driver.ts ADDRESS calls CLIENTS                     calls, for as many seconds as each further line says
 */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { liveSockets } from '#lib/telegram/census.ts';
import { Api } from '#lib/telegram/client.ts';
import { localTelegram } from '#lib/telegram/environment.ts';
import { median } from '../statistics.ts';
import { connectControl } from './local.ts';
import { newProcess, openSession } from './sessions.ts';

const [address, what, ...numbers] = process.argv.slice(2);
const [first = 0, second = 0] = numbers.map(Number);
/** Side by side, as messaging resumes after a restart; more at once only wait in the server's accept queue. */
const AT_ONCE = 64;
const BATCHES = 10;

const control = connectControl(address!);
const telegram = localTelegram(await control.getServerInfo({}));
control.close();
const driver = newProcess(telegram);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const keys = ((await lines.next()).value as string).split(' ').map((hex) => Buffer.from(hex, 'hex'));

if (what === 'hold') await hold(first, second);
else if (what === 'cycle') await cycle(first);
else await calls(first);
process.exit();

async function hold(count: number, seconds: number): Promise<void> {
  const one = await openSession(driver, keys.at(-1)!, { updates: true });
  await one.session.call(new Api.updates.GetState(), { deadlineMs: 5_000 });
  await one.close();
  const before = await settledRss();
  const startedAt = performance.now();
  const sessions = await atOnce(AT_ONCE, count, (i) => openSession(driver, keys[i]!, { updates: true }));
  const resumeSeconds = (performance.now() - startedAt) / 1_000;
  await sleep(3_000);
  const rss = (await settledRss()) - before;
  const used = process.cpuUsage();
  await sleep(1_000 * seconds);
  const { user, system } = process.cpuUsage(used);
  const sockets = liveSockets();
  await Promise.all(sessions.map((session) => session.close()));
  say({ rss, resumeSeconds, idleShare: (user + system) / (1e6 * seconds), sockets, left: liveSockets() });
}

async function cycle(count: number): Promise<void> {
  const workers = keys.length;
  const run = (cycles: number): Promise<void[]> =>
    atOnce(workers, workers, async (i) => {
      for (let done = i; done < cycles; done += workers)
        await (await openSession(driver, keys[i]!, { updates: true })).close();
    });
  // The engine's own growth comes first: code, caches, heap spaces.
  await run(Math.min(2_000, count));
  const heapBefore = await settledHeap();
  const startedAt = performance.now();
  const rss: number[] = [];
  for (let batch = 0; batch < BATCHES; batch += 1) {
    await run(Math.ceil(count / BATCHES));
    rss.push(await settledRss());
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  const heap = (await settledHeap()) - heapBefore;
  // The allocator's high-water mark swings by tens of megabytes: what leaks shows in the halves.
  const grown = median(rss.slice(BATCHES / 2)) - median(rss.slice(0, BATCHES / 2));
  const handles = process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length;
  say({ rss: grown, heap, seconds, left: Math.max(liveSockets(), handles) });
}

async function calls(clients: number): Promise<void> {
  const sessions = await atOnce(clients, clients, (i) => openSession(driver, keys[i]!, { updates: true }));
  say({ kind: 'ready' });
  for await (const line of lines) {
    const used = process.cpuUsage();
    const startedAt = performance.now();
    const until = startedAt + 1_000 * Number(line);
    let done = 0;
    await Promise.all(
      sessions.map(async ({ session }) => {
        for (; performance.now() < until; done += 1)
          await session.call(new Api.help.GetNearestDc(), { deadlineMs: 10_000 });
      }),
    );
    const { user, system } = process.cpuUsage(used);
    say({ rate: (1_000 * done) / (performance.now() - startedAt), cpuMicros: (user + system) / done });
  }
}

async function atOnce<T>(width: number, count: number, make: (i: number) => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(width, count) }, async () => {
      while (next < count) {
        const i = next++;
        made[i] = await make(i);
      }
    }),
  );
  return made;
}

async function settledRss(): Promise<number> {
  for (let i = 0; i < 4; i += 1) {
    globalThis.gc?.();
    await sleep(50);
  }
  return process.memoryUsage.rss();
}

async function settledHeap(): Promise<number> {
  await settledRss();
  return process.memoryUsage().heapUsed;
}

function say(said: object): void {
  console.log(JSON.stringify(said));
}

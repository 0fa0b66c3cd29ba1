import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../pool/bench.ts';
import type { Line } from '../report.ts';
import { startWatchMesh, watchAll } from './watch-mesh.ts';

const MIB = 2 ** 20;
const PROCESSES = 2;
const SETTLE_MS = 5_000;
const IDLE_SECONDS = 20;

/** So many accounts connected and watched over two processes: what each costs, at rest and to come back. */
export async function measureWatched(bench: Bench, count: number): Promise<Line[]> {
  const mesh = await startWatchMesh(bench);
  try {
    await mesh.accounts(count);
    const processes = await Promise.all(Array.from({ length: PROCESSES }, () => mesh.messaging()));
    const before = await Promise.all(processes.map((one) => one.memory()));
    const began = performance.now();
    const watches = processes.map(({ client }) => watchAll(client, nobody));
    await Promise.all(watches.map((watch) => watch.allConnected(count)));
    const connectSeconds = (performance.now() - began) / 1_000;
    await sleep(SETTLE_MS);
    const cpu = await Promise.all(processes.map((one) => one.cpuSeconds()));
    await sleep(IDLE_SECONDS * 1_000);
    const after = await Promise.all(processes.map((one) => one.cpuSeconds()));
    const memory = await Promise.all(processes.map((one) => one.memory()));
    const idle = (100 * (sum(after) - sum(cpu))) / IDLE_SECONDS;
    const each = (sum(memory) - sum(before)) / count / MIB;
    for (const watch of watches) watch.stop();
    await Promise.all(processes.map((one) => one.stop()));
    const again = performance.now();
    const next = await Promise.all(Array.from({ length: PROCESSES }, () => mesh.messaging()));
    const resumed = next.map(({ client }) => watchAll(client, nobody));
    await Promise.all(resumed.map((watch) => watch.allConnected(count)));
    const resumeSeconds = (performance.now() - again) / 1_000;
    for (const watch of resumed) watch.stop();
    const name = `${count} accounts watched over ${PROCESSES} processes`;
    return [
      { name: `${name}: memory each`, value: each, shown: `${each.toFixed(3)} MiB`, target: { atMost: 1 } },
      { name: `${name}: idle`, value: idle, shown: `${idle.toFixed(1)} % of a core`, target: { atMost: 15 } },
      {
        name: `${name}: to connect all`,
        value: connectSeconds,
        shown: `${connectSeconds.toFixed(1)} s`,
      },
      {
        name: `${name}: to resume all after a restart`,
        value: resumeSeconds,
        shown: `${resumeSeconds.toFixed(1)} s`,
        target: { atMost: 90 },
      },
    ];
  } finally {
    await mesh.stop();
  }
}

function nobody(): void {}

function sum(values: readonly number[]): number {
  return values.reduce((all, one) => all + one, 0);
}

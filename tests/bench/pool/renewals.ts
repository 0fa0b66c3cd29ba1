import { setTimeout as sleep } from 'node:timers/promises';
import type { Line } from '../report.ts';
import { SESSIONS, type Bench } from './bench.ts';
import { openClient, type Proof, type Worker } from './client.ts';
import type { System } from './system.ts';

const STREAMS = 4;
const EVERY_MS = 10_000;
/** Two renewals of every lease. */
const WINDOW_MS = 20_000;
/** Shorter than the TTL of 30 s: nothing expires while nobody renews. */
const IDLE_MS = 8_000;
const TICK_MS = 20;

interface Usage {
  commits: number;
  cpuSeconds: number;
  updates: number;
  hot: number;
}

/** 5,000 leases, each renewed by a message of its own: the least that a worker can do to help the pool. */
export async function measureRenewals(bench: Bench): Promise<Line[]> {
  const system = await bench.start();
  const client = openClient(system.address, system.apiKey);
  const workers = Array.from({ length: STREAMS }, () => client.manage());
  const held = await Promise.all(workers.map((worker) => acquireMany(worker, SESSIONS / STREAMS)));

  const idle = await usageOver(system, () => sleep(IDLE_MS));
  const busy = await usageOver(system, async () => {
    await Promise.all(workers.map((worker, index) => renewEvenly(worker, held[index]!)));
  });
  workers.forEach((worker) => worker.end());
  client.close();
  await system.stop();

  const commits = busy.commits / (WINDOW_MS / 1_000) - idle.commits / (IDLE_MS / 1_000);
  const core = (busy.cpuSeconds / (WINDOW_MS / 1_000)) * 100;
  const hot = (busy.hot / busy.updates) * 100;
  return [
    {
      name: '5,000 leases held: commits for renewals',
      value: commits,
      shown: `${commits.toFixed(1)} /s`,
      target: { atMost: 10 },
    },
    {
      name: '5,000 leases held: session-pool, of a core',
      value: core,
      shown: `${core.toFixed(1)} %`,
      target: { atMost: 10 },
    },
    {
      name: '5,000 leases held: updates that touch no index (HOT)',
      value: hot,
      shown: `${hot.toFixed(1)} %`,
      target: { atLeast: 95 },
    },
  ];
}

export async function acquireMany(worker: Worker, count: number): Promise<Proof[]> {
  return Promise.all(Array.from({ length: count }, () => worker.acquire()));
}

/** Each lease every ten seconds, at its own moment. */
async function renewEvenly(worker: Worker, leases: readonly Proof[]): Promise<void> {
  const started = performance.now();
  const total = (leases.length * WINDOW_MS) / EVERY_MS;
  const answers: Promise<number>[] = [];
  while (answers.length < total) {
    const due = Math.min(total, Math.floor(((performance.now() - started) / WINDOW_MS) * total));
    while (answers.length < due) answers.push(worker.renew([leases[answers.length % leases.length]!]));
    await sleep(TICK_MS);
  }
  const renewed = await Promise.all(answers);
  if (renewed.some((count) => count !== 1)) throw new Error('a lease was lost while it was renewed');
}

async function usageOver(system: System, body: () => Promise<void>): Promise<Usage> {
  const before = await usage(system);
  await body();
  const after = await usage(system);
  return {
    commits: after.commits - before.commits,
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    updates: after.updates - before.updates,
    hot: after.hot - before.hot,
  };
}

/** PostgreSQL's backends tell their counts once a second at most. */
const COUNTS_MS = 1_100;

async function usage({ sql, cpuSeconds }: System): Promise<Usage> {
  const cpu = await cpuSeconds();
  await sleep(COUNTS_MS);
  await sql.query('select pg_stat_clear_snapshot()');
  const { rows } = await sql.query<{ commits: string; updates: string; hot: string }>(
    `select xact_commit as commits, n_tup_upd as updates, n_tup_hot_upd as hot
     from pg_stat_database, pg_stat_user_tables
     where datname = current_database() and schemaname = 'session_pool' and relname = 'slots'`,
  );
  const { commits, updates, hot } = rows[0]!;
  return { commits: Number(commits), cpuSeconds: cpu, updates: Number(updates), hot: Number(hot) };
}

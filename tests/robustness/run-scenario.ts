import { mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'pg';
import { startCluster, type Cluster } from './cluster/cluster.ts';
import { readStream, startConsumer } from './cluster/consumer.ts';
import { logOf } from './cluster/replica.ts';
import { readWitness } from './cluster/truth.ts';
import { appendAll, openRecorder, type Recorder } from './history.ts';
import { runSchedule } from './nemesis/schedule.ts';
import type { Fault } from './nemesis/fault.ts';
import { createRandom } from './random.ts';
import { monotonic, pause, until } from './time.ts';
import type { Site } from './traffic/site.ts';
import { startTraffic } from './traffic/start.ts';

export const TTL_MS = 5_000;
const PROBE_EVERY_MS = 200;
const STALL_MS = 100;
const SUBJECTS = ['telegate.v1.>'];
/** For the last leases to be reclaimed and the last events to arrive. */
const QUIET_LIMIT_MS = 40_000;

export interface Scenario {
  seed: string;
  seconds: number;
  faults: readonly Fault[];
  events: 'nats' | 'postgres' | undefined;
  history: string;
  /** Runs in place of session-pool's main.ts. */
  entry?: string;
  control?: string;
  say(text: string): void;
}

/** Starts everything, lets clients and faults loose, waits until all is quiet, and writes the history down. */
export async function runScenario(scenario: Scenario): Promise<void> {
  const { seed, seconds, history, say } = scenario;
  const folder = mkdtempSync(join(tmpdir(), 'telegate-robustness-'));
  const recorder = openRecorder(history);
  const cluster = await startCluster({ ...scenario, folder });
  const watching = new AbortController();
  try {
    recorder.write({
      kind: 'run',
      t: monotonic(),
      seed,
      seconds,
      ttlMs: TTL_MS,
      replicas: cluster.replicas.length,
      events: cluster.events,
      ...(scenario.control === undefined ? {} : { control: scenario.control }),
    });
    const watched = [watchDatabase(cluster, recorder, watching.signal), watchSelf(recorder, watching.signal)];
    const consumer = await startConsumer(cluster, recorder, { seed, subjects: SUBJECTS });
    const site: Site = {
      addresses: cluster.clientProxies.map(({ port }) => `127.0.0.1:${port}`),
      meshKey: cluster.meshKey,
      tenants: cluster.tenants,
      ttlMs: TTL_MS,
      seed,
      history,
    };
    const traffic = await startTraffic(site, recorder);
    say(`seed ${seed}: ${seconds} s of faults and traffic, events over ${cluster.events}`);
    await runSchedule({
      faults: scenario.faults,
      nemesis: { cluster, holders: traffic.holders, ttlMs: TTL_MS },
      random: createRandom(`${seed}/nemesis`),
      recorder,
      pace: traffic.pace,
      forMs: seconds * 1_000,
      say,
    });
    await traffic.stop();
    await writeEnd(cluster, recorder, consumer.count);
    await consumer.stop();
    watching.abort();
    await Promise.all(watched);
    await readStream(cluster, recorder, SUBJECTS);
    appendAll(history, await readWitness(cluster.postgres.url));
  } finally {
    watching.abort();
    await cluster.stop();
    recorder.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The history and what lies beside it. */
export function removeHistory(history: string): void {
  const names = ['replica-0', 'replica-1', 'messaging-0', 'messaging-1'] as const;
  for (const file of [history, ...names.map((name) => logOf(history, name))]) rmSync(file, { force: true });
}

async function watchSelf(recorder: Recorder, signal: AbortSignal): Promise<void> {
  const EVERY_MS = 50;
  while (!signal.aborted) {
    const t = monotonic();
    await pause(EVERY_MS, signal);
    const end = monotonic();
    if (end - t > EVERY_MS + STALL_MS) recorder.write({ kind: 'stall', who: 'suite', t: t + EVERY_MS, end });
  }
}

/** Asks the database for its time: what its clock shows, and whether it answers at once. */
export async function watchDatabase(
  cluster: Cluster,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<void> {
  const pool = new Pool({ connectionString: cluster.postgres.url, max: 1, connectionTimeoutMillis: 2_000 });
  pool.on('error', () => undefined);
  while (!signal.aborted) {
    const t = monotonic();
    try {
      const { rows } = await pool.query<{ at: number }>(
        'select (extract(epoch from clock_timestamp()) * 1000)::float8 as at',
      );
      const end = monotonic();
      recorder.write({ kind: 'clock', t: (t + end) / 2, at: rows[0]!.at, error: (end - t) / 2 });
      if (end - t > STALL_MS) recorder.write({ kind: 'stall', who: 'database', t, end });
    } catch {
      // It is down; the faults say when.
    }
    await pause(PROBE_EVERY_MS, signal);
  }
  await pool.end();
}

/** Waits until nothing is leased and every event has arrived, bounded; what is left then is for the checker. */
async function writeEnd(cluster: Cluster, recorder: Recorder, delivered: () => number): Promise<void> {
  const pool = new Pool({ connectionString: cluster.postgres.url, max: 1 });
  pool.on('error', () => undefined);
  const read = async () => {
    const { rows } = await pool.query<{ at: number; outbox: number; leases: number; committed: number }>(
      `select (extract(epoch from clock_timestamp()) * 1000)::float8 as at,
         (select count(*)::integer from session_pool.outbox) as outbox,
         (select count(*)::integer from session_pool.slots where lease_id is not null) as leases,
         (select count(*)::integer from robustness.event_log) as committed`,
    );
    return rows[0]!;
  };
  const isQuiet = async (): Promise<boolean> => {
    const { outbox, leases, committed } = await read();
    return outbox === 0 && leases === 0 && delivered() >= committed;
  };
  await until(isQuiet, { limitMs: QUIET_LIMIT_MS, everyMs: 200 });
  const { at, outbox, leases } = await read();
  recorder.write({ kind: 'final', t: monotonic(), at, outboxLeft: outbox, leasesLeft: leases });
  await pool.end();
}

import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'pg';
import { readStream, startConsumer } from '../cluster/consumer.ts';
import { readWitness, withClient } from '../cluster/truth.ts';
import { appendAll, openRecorder, type Recorder } from '../history.ts';
import { runSchedule } from '../nemesis/schedule.ts';
import { createRandom } from '../random.ts';
import { watchDatabase, type Scenario } from '../run-scenario.ts';
import { monotonic, pause, until } from '../time.ts';
import { startLenders } from './lenders.ts';
import { startMessagingMesh, type MessagingMesh } from './mesh.ts';
import { startSenders } from './senders.ts';
import { say, startStrangers, startTrouble } from './strangers.ts';
import { readLog, readMail, readTold } from './truth.ts';
import { startWatchers } from './watchers.ts';

const SUBJECTS = ['telegate.v1.session_pool.>', 'telegate.v1.messaging.>'];
const LEASE_TTL_MS = 15_000;
/** What outages are longer than: the time that a process has without the pool before it closes its sockets. */
const HOLD_MS = 8_000;
/** Longer than no account of a mesh that works is without an acknowledged send. */
const QUIET_ACCOUNT_MS = 4_000;
/** For claims of killed processes to run out, twice, and for everything that waited on them. */
const END_LIMIT_MS = 90_000;
const QUIET_LIMIT_MS = 60_000;

/** Sends, leases and watches over the real messaging service, while one thing after the other breaks. */
export async function runMessagingScenario(scenario: Scenario): Promise<void> {
  const { seed, seconds, history, say: print } = scenario;
  const folder = mkdtempSync(join(tmpdir(), 'telegate-robustness-'));
  const recorder = openRecorder(history);
  const [stopping, lastCall, watchersStop, over] = Array.from({ length: 4 }, () => new AbortController());
  let mesh: MessagingMesh | undefined;
  try {
    mesh = await startMessagingMesh(scenario, folder, recorder);
    const { cluster, members, lent, control } = mesh;
    recorder.write({
      kind: 'run',
      t: monotonic(),
      seed,
      seconds,
      ttlMs: LEASE_TTL_MS,
      replicas: cluster.replicas.length,
      events: cluster.events,
      ...(scenario.control === undefined ? {} : { control: scenario.control }),
    });
    for (const { accountId: account, sessionId, user, isProxied } of [...members, ...lent])
      recorder.write({ kind: 'account', account, session: String(sessionId), user, isProxied });
    const watched = watchDatabase(cluster, recorder, over!.signal);
    const consumer = await startConsumer(cluster, recorder, { seed, subjects: SUBJECTS });
    const random = createRandom(seed);
    const post = { mesh, recorder, random, signal: stopping!.signal, lastCall: lastCall!.signal };
    const watchers = startWatchers({ ...post, signal: watchersStop!.signal });
    await watchers.begun;
    const senders = startSenders(post);
    const traffic = Promise.all([senders.done, startLenders(post), startStrangers(post), startTrouble(post)]);
    // Thrown where it is waited for: the run ends in order.
    traffic.catch(() => undefined);
    print(`seed ${seed}: ${seconds} s of faults, sends and watches, events over ${cluster.events}`);
    await runSchedule({
      faults: scenario.faults,
      nemesis: { cluster, holders: [], ttlMs: HOLD_MS, messaging: mesh.processes, ways: mesh.ways },
      random: random.fork('nemesis'),
      recorder,
      pace: {
        get healthy() {
          return monotonic() - senders.slowest() < QUIET_ACCOUNT_MS;
        },
        done: Promise.resolve(),
      },
      forMs: seconds * 1_000,
      say: print,
    });
    stopping!.abort();
    const giveUp = setTimeout(() => lastCall!.abort(), END_LIMIT_MS);
    await traffic;
    clearTimeout(giveUp);
    await sayLast(mesh, watchers.haveSeen);
    watchersStop!.abort();
    await watchers.done;
    appendAll(history, await readMail(mesh));
    await untilPublished(mesh);
    await mesh.stopTalking();
    await writeEnd(mesh, recorder, consumer.count);
    await consumer.stop();
    over!.abort();
    await watched;
    await readStream(cluster, recorder, SUBJECTS);
    appendAll(history, await readLog(control, [...members, ...lent]));
    appendAll(history, await readWitness(cluster.postgres.url));
    appendAll(history, await readTold(cluster.postgres.url));
  } finally {
    for (const one of [stopping, lastCall, watchersStop, over]) one!.abort();
    await mesh?.stop();
    recorder.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** One more message to each account, which every watcher must see: then all before it has had its time. */
async function sayLast(
  { control, members, strangers }: MessagingMesh,
  haveSeen: (account: string, text: string) => boolean,
): Promise<void> {
  for (const member of members) await say(control, strangers[0]!, member, 'the last word');
  await until(() => members.every(({ accountId }) => haveSeen(accountId, 'the last word')), {
    limitMs: END_LIMIT_MS,
    everyMs: 100,
  });
  // What else they are told, of connections, has had its time too.
  await pause(1_000);
}

/** Messaging publishes what it wrote: who stops it leaves the rest to its next start. */
async function untilPublished({ cluster }: MessagingMesh): Promise<void> {
  const count = (): Promise<number> =>
    withClient(cluster.postgres.url, async (client) => {
      const { rows } = await client.query<{ count: number }>(
        'select count(*)::integer as count from messaging.outbox',
      );
      return rows[0]!.count;
    });
  await until(async () => (await count()) === 0, { limitMs: QUIET_LIMIT_MS, everyMs: 200 });
}

/** Waits until nothing is leased and every event has arrived, bounded; what is left then is for the checker. */
async function writeEnd(
  { cluster }: MessagingMesh,
  recorder: Recorder,
  delivered: () => number,
): Promise<void> {
  const pool = new Pool({ connectionString: cluster.postgres.url, max: 1 });
  pool.on('error', () => undefined);
  const read = async () => {
    const { rows } = await pool.query<{ at: number; outbox: number; leases: number; committed: number }>(
      `select (extract(epoch from clock_timestamp()) * 1000)::float8 as at,
         (select count(*)::integer from session_pool.outbox) as outbox,
         (select count(*)::integer from session_pool.slots where lease_id is not null) as leases,
         (select count(*)::integer from robustness.event_log) +
           (select count(*)::integer from robustness.told_log) as committed`,
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

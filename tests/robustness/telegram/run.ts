import { randomUUIDv7 } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toJson } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { CallOutcome } from '#gen/telegate/local_telegram/v1/log_pb.ts';
import {
  GetServerInfoResponseSchema,
  type LocalTelegramService,
} from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import type { Client } from '#lib/rpc/client.ts';
import { renderMaterial } from '#lib/telegram/material/detect.ts';
import { startCluster, type Cluster } from '../cluster/cluster.ts';
import { readWitness } from '../cluster/truth.ts';
import { appendAll, openRecorder, type Entry, type ServedEntry } from '../history.ts';
import { runSchedule } from '../nemesis/schedule.ts';
import { createRandom } from '../random.ts';
import { watchDatabase, type Scenario } from '../run-scenario.ts';
import { monotonic, pause } from '../time.ts';
import { asService } from '../traffic/site.ts';
import { startMessaging, startTelegramProcess } from './processes.ts';
import { startRelay, type Relay } from './relay.ts';
import type { MessagingSite } from './messaging-process.ts';

type Control = Client<typeof LocalTelegramService>;

const SESSIONS = 10;
const PROCESSES = 3;
const DATA_CENTER = 2;
const LEASE_TTL_MS = 6_000;
const PAGE = 1_000;
const PUSH_EVERY_MS = 50;

/** Messaging processes send over real MTProto under leases and claims, while one thing after the other breaks. */
export async function runTelegramScenario(scenario: Scenario): Promise<void> {
  const { seed, seconds, history, say } = scenario;
  const folder = mkdtempSync(join(tmpdir(), 'telegate-robustness-'));
  const recorder = openRecorder(history);
  const opened: (() => Promise<void>)[] = [];
  const watching = new AbortController();
  try {
    const cluster = await startCluster({ ...scenario, entry: undefined, folder });
    opened.push(() => cluster.stop());
    const telegram = await startTelegramProcess();
    opened.push(() => telegram.stop());
    const { replicas, events } = cluster;
    recorder.write({
      kind: 'run',
      t: monotonic(),
      seed,
      seconds,
      ttlMs: LEASE_TTL_MS,
      replicas: replicas.length,
      events,
      ...(scenario.control === undefined ? {} : { control: scenario.control }),
    });
    const watched = watchDatabase(cluster, recorder, watching.signal);
    const { telegram: info, relays } = await relayed(telegram.control, recorder);
    const tenantId = randomUUIDv7();
    const { sessions, accounts } = await makeSessions(telegram.control, cluster, tenantId);
    const pushing = pushMessages(telegram.control, accounts, watching.signal);
    const site: MessagingSite = {
      addresses: cluster.clientProxies.map(({ port }) => `127.0.0.1:${port}`),
      meshKey: cluster.meshKey,
      seed,
      history,
      tenantId,
      sessions: Object.values(sessions),
      telegram: toJson(GetServerInfoResponseSchema, info),
    };
    const extra = scenario.control === undefined ? {} : { ROBUSTNESS_CONTROL: scenario.control };
    const messaging = await Promise.all(
      Array.from({ length: PROCESSES }, (_, index) =>
        startMessaging(site, `messaging-${index}`, recorder, scenario.entry, extra),
      ),
    );
    say(`seed ${seed}: ${seconds} s of faults and calls to Telegram, events over ${events}`);
    await runSchedule({
      faults: scenario.faults,
      nemesis: { cluster, holders: [], ttlMs: LEASE_TTL_MS, messaging },
      random: createRandom(`${seed}/nemesis`),
      recorder,
      pace: { healthy: true, done: Promise.resolve() },
      forMs: seconds * 1_000,
      say,
    });
    await Promise.all(messaging.map((one) => one.stop()));
    // What a relay still carries belongs to nobody any more.
    await pause(200);
    for (const relay of relays) await relay.close();
    watching.abort();
    await Promise.all([watched, pushing]);
    appendAll(history, await readTelegram(telegram.control, sessions));
    appendAll(history, await readWitness(cluster.postgres.url));
  } finally {
    watching.abort();
    for (const close of opened.toReversed()) await close();
    recorder.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The local Telegram as drivers are to see it: each data centre at a relay's port. */
async function relayed(control: Control, recorder: ReturnType<typeof openRecorder>) {
  const info = await control.getServerInfo({});
  let connections = 0;
  const relays: Relay[] = [];
  for (const dataCenter of info.dataCenters) {
    const { host, port } = dataCenter;
    const relay = await startRelay({ host, port }, recorder, () => (connections += 1));
    dataCenter.port = relay.port;
    relays.push(relay);
  }
  return { telegram: info, relays };
}

/** Accounts that are logged in, their keys in the pool; answers the session of each key. */
async function makeSessions(
  control: Control,
  cluster: Cluster,
  tenantId: string,
): Promise<{ sessions: Record<string, string>; accounts: readonly string[] }> {
  const { environment } = await control.getServerInfo({});
  const addresses = cluster.clientProxies.map(({ port }) => `127.0.0.1:${port}`);
  const site = {
    addresses,
    meshKey: cluster.meshKey,
    tenants: cluster.tenants,
    ttlMs: 0,
    seed: '',
    history: '',
  };
  const caller = asService(site, tenantId);
  const sessions: Record<string, string> = {};
  const accounts: string[] = [];
  for (let index = 0; index < SESSIONS; index += 1) {
    const phone = `+1556${String(index).padStart(7, '0')}`;
    const { account } = await control.createAccount({ account: { phone, dataCenter: DATA_CENTER } });
    const { keys } = await control.createAuthorization({ accountId: account!.accountId, count: 1 });
    const { authorization } = keys[0]!;
    const authKey = Buffer.from(keys[0]!.authKey);
    const material = renderMaterial({ dataCenter: DATA_CENTER, authKey }, 'telethon-string');
    const { session } = await caller.at(0).importSession({ name: `account ${index}`, material, environment });
    sessions[authorization!.keyId] = String(session!.sessionId);
    accounts.push(account!.accountId);
  }
  caller.close();
  return { sessions, accounts };
}

/** Messages of others come in all the time: they lie in the sockets of a process that stands still, to be acknowledged. */
async function pushMessages(
  control: Control,
  accounts: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (let turn = 0; !signal.aborted; turn += 1) {
    const accountId = accounts[turn % accounts.length]!;
    const to = accounts[(turn + 1) % accounts.length]!;
    await control.sendMessage({
      accountId,
      to: { peer: { case: 'accountId', value: to } },
      text: `message ${turn}`,
    });
    await pause(PUSH_EVERY_MS, signal);
  }
}

/** What the local Telegram has to say of it all. */
async function readTelegram(control: Control, sessions: Record<string, string>): Promise<Entry[]> {
  const entries: Entry[] = [];
  let dropped = 0n;
  for (let pageToken = ''; ;) {
    const page = await control.listConnections({ pageSize: PAGE, pageToken });
    dropped = page.droppedCount;
    for (const { connectionId: connection, keys } of page.connections)
      for (const { keyId: key, firstMessageTime, lastMessageTime } of keys)
        entries.push({
          kind: 'served-connection',
          connection,
          key,
          first: timestampMs(firstMessageTime!),
          last: timestampMs(lastMessageTime!),
        });
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  for (let pageToken = ''; ;) {
    const page = await control.listCalls({ pageSize: PAGE, pageToken, methods: ['messages.sendMessage'] });
    dropped += page.droppedCount;
    for (const call of page.calls) {
      const { connectionId: connection, keyId: key, startTime, outcome, errorText: error } = call;
      const at = timestampMs(startTime!);
      const randomId = String(call.randomId);
      entries.push({
        kind: 'served',
        at,
        connection,
        key,
        randomId,
        outcome: OUTCOMES[outcome] ?? 'unanswered',
        error,
      });
    }
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  const { counters } = await control.getCounters({});
  entries.push({
    kind: 'telegram',
    t: monotonic(),
    keysDuplicated: Number(counters!.keysDuplicated),
    dropped: Number(dropped),
    sessions,
  });
  return entries;
}

const OUTCOMES: Partial<Record<CallOutcome, ServedEntry['outcome']>> = {
  [CallOutcome.OK]: 'ok',
  [CallOutcome.ERROR]: 'error',
};

import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import type { Lease } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { connect } from '#lib/rpc/client.ts';
import { runCli, startCli, type CliProcess } from '../../../tests/support/cli.ts';
import {
  startPoolMesh,
  telethonString,
  type PoolClient,
  type PoolMesh,
} from '../../../tests/support/session-pool.ts';
import { startServiceProcess, type ServiceProcess } from '../../../tests/support/service-process.ts';

let mesh: PoolMesh;
let lasting: string;
let operator: PoolClient;
beforeAll(async () => {
  mesh = await startPoolMesh();
  lasting = mesh.replicas[0]!.address;
  operator = connect(SessionPoolService, { address: lasting, apiKey: mesh.operatorKey });
});
afterAll(async () => {
  operator.close();
  await mesh.stop();
});

let count = 0;
async function newSession(): Promise<string> {
  count += 1;
  const name = `held-${count}`;
  await operator.importSession({ name, material: telethonString(), environment: 'local' });
  return name;
}

const environment = (endpoint: string) => ({
  TELEGATE_ENDPOINT: endpoint,
  TELEGATE_API_KEY: mesh.operatorKey,
});

function hold(args: string, endpoint = lasting): CliProcess {
  return startCli(['lease', ...args.split(' ')], { env: environment(endpoint) });
}

async function heldLease(name: string): Promise<Lease | undefined> {
  return (await operator.getSession({ name })).session!.lease;
}

/** A replica of the test's own, on the port of one that was before. */
async function replica(port = '0'): Promise<ServiceProcess> {
  const started = await startServiceProcess('session-pool', { ...mesh.environment, GRPC_PORT: port });
  onTestFinished(async () => void (await started.stop('SIGKILL')));
  return started;
}

const portOf = ({ address }: ServiceProcess) => address.split(':')[1]!;
const tokenIn = (line: string) => /token (\d+)/.exec(line)![1];

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s releases and waits for it', async (signal) => {
  const name = await newSession();
  const holder = hold(`--session ${name} --holder tester`);
  expect(await holder.says(/granted/)).toMatch(
    new RegExp(`^[\\d:]{8}  granted +session \\d+ \\(${name}\\), lease [\\w-]{36}, token \\d+, ttl 30 s$`),
  );
  expect(await heldLease(name)).toMatchObject({ holder: 'tester' });
  holder.signal(signal);
  expect(await holder.done).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringMatching(/released +lease [\w-]{36}\n$/),
  });
  expect(await heldLease(name)).toBeUndefined();
});

test('renews as long as it is held, quietly for people', async () => {
  const name = await newSession();
  const people = hold(`--session ${name} --ttl 5s`);
  await people.says(/granted/);
  const { acquireTime } = (await heldLease(name))!;
  await vi.waitFor(
    async () => {
      const lease = (await heldLease(name))!;
      expect(lease.expireTime!.seconds - acquireTime!.seconds).toBeGreaterThanOrEqual(8n);
    },
    { timeout: 10_000, interval: 100 },
  );
  people.signal('SIGINT');
  const { stdout } = await people.done;
  expect(stdout.trim().split('\n')).toHaveLength(2);
});

test('JSON: an event a line, under the names of the contract', async () => {
  const name = await newSession();
  const holder = hold(`--session ${name} --ttl 5s --json`);
  const granted = JSON.parse(await holder.says(/"granted"/));
  expect(granted).toMatchObject({
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    granted: { sessionName: name, ttl: '5s', fencingToken: expect.stringMatching(/^\d+$/) },
  });
  const { leaseId } = granted.granted;
  expect(JSON.parse(await holder.says(/"renewed"/))).toMatchObject({ renewed: { leaseId } });
  await operator.revokeLease({ leaseId });
  expect(JSON.parse(await holder.says(/"lost"/))).toMatchObject({
    lost: { leaseId, reason: 'LEASE_LOSS_REASON_REVOKED' },
  });
  expect(await holder.done).toMatchObject({ code: 1, stderr: '' });
});

test('hears of the queue, of flood waits, of a drain and of the end', async () => {
  const name = await newSession();
  const { lease: blocking } = await operator.acquireLease({ selector: { name } });
  expect(await runCli(['lease', '--session', name], { env: environment(lasting) })).toMatchObject({
    code: 4,
    stdout: '',
    stderr: expect.stringMatching(/leased by .* in \d+ seconds\. --wait 1m queues for one\./),
  });
  const holder = hold(`--session ${name} --wait 30s`);
  expect(await holder.says(/queued/)).toMatch(/position 1, about \d+ s$/);
  await operator.releaseLease({ lease: proofOf(blocking!) });
  await holder.says(/granted/);
  const lease = { leaseId: (await heldLease(name))!.leaseId, fencingToken: blocking!.fencingToken + 1n };
  await operator.reportFloodWait({ lease, method: 'messages.sendMessage', duration: durationFromMs(90_000) });
  expect(await holder.says(/flood wait/)).toMatch(/messages\.sendMessage until [\d:]+ \(in 1 min 2\d s\)$/);
  await operator.revokeLease({ leaseId: lease.leaseId, grace: durationFromMs(1_000) });
  expect(await holder.says(/drain/)).toMatch(/Ctrl-C gives it up; it is revoked at [\d:]+ \(/);
  expect(await holder.says(/lost/)).toMatch(/it was revoked; stop using the session$/);
  expect(await holder.done).toMatchObject({ code: 1, stderr: '' });
});

test('a wait that is over says so; Ctrl-C in the queue leaves it', async () => {
  const name = await newSession();
  await operator.acquireLease({ selector: { name } });
  const patient = hold(`--session ${name} --wait 500ms`);
  expect(await patient.done).toMatchObject({ code: 4, stdout: expect.stringContaining('queued') });
  const leaving = hold(`--session ${name} --wait 1m`);
  await leaving.says(/queued/);
  leaving.signal('SIGINT');
  expect(await leaving.done).toMatchObject({ code: 130, stderr: '' });
  await vi.waitFor(async () => expect((await operator.getPoolStatus({})).status!.waiting).toBe(0));
});

test('a replica is killed: the lease goes on at the other address, with the same token', async () => {
  const name = await newSession();
  const doomed = await replica();
  const holder = hold(`--session ${name}`, `${doomed.address},${lasting}`);
  const token = tokenIn(await holder.says(/granted/));
  await doomed.stop('SIGKILL');
  expect(await holder.says(/disconnected/)).toMatch(/the session is safe to use for \d+ s$/);
  expect(tokenIn(await holder.says(/attached/))).toBe(token);
  holder.signal('SIGINT');
  expect(await holder.done).toMatchObject({ code: 0, stdout: expect.stringContaining('released') });
});

test('a replica is killed under a waiting acquire: it queues again elsewhere, and is granted once', async () => {
  const name = await newSession();
  const { lease: blocking } = await operator.acquireLease({ selector: { name } });
  const doomed = await replica();
  const holder = hold(`--session ${name} --wait 30s`, `${doomed.address},${lasting}`);
  await holder.says(/queued/);
  await doomed.stop('SIGKILL');
  await holder.says(/disconnected .*; connecting again$/);
  await holder.says(/queued/);
  await operator.releaseLease({ lease: proofOf(blocking!) });
  expect(tokenIn(await holder.says(/granted/))).toBe(String(blocking!.fencingToken + 1n));
  holder.signal('SIGINT');
  expect(await holder.done).toMatchObject({ code: 0 });
});

test('a replica is killed and comes back on its port: the same', async () => {
  const name = await newSession();
  const first = await replica();
  const holder = hold(`--session ${name}`, first.address);
  const token = tokenIn(await holder.says(/granted/));
  await first.stop('SIGKILL');
  await holder.says(/disconnected/);
  await replica(portOf(first));
  expect(tokenIn(await holder.says(/attached/))).toBe(token);
  holder.signal('SIGINT');
  expect(await holder.done).toMatchObject({ code: 0 });
});

test('a replica that stops says go away, and nothing is lost', async () => {
  const name = await newSession();
  const leaving = await replica();
  const holder = hold(`--session ${name}`, `${leaving.address},${lasting}`);
  const token = tokenIn(await holder.says(/granted/));
  const stopped = leaving.stop();
  await holder.says(/go away/);
  expect(tokenIn(await holder.says(/attached/))).toBe(token);
  expect(await stopped).toBe(0);
  holder.signal('SIGINT');
  const { code, stdout } = await holder.done;
  expect(code).toBe(0);
  expect(stdout).not.toContain('disconnected');
});

test('no connection for too long: suspended before the lease can end, and lost when it has', async () => {
  const name = await newSession();
  const only = await replica();
  const holder = hold(`--session ${name} --ttl 5s`, only.address);
  await holder.says(/granted/);
  await only.stop('SIGKILL');
  await holder.says(/disconnected/);
  await holder.says(/suspended .*stop using the session/);
  expect(await heldLease(name)).toBeDefined();
  // The other replica takes the lease back when its time is over.
  await vi.waitFor(async () => expect(await heldLease(name)).toBeUndefined(), { timeout: 10_000 });
  await replica(portOf(only));
  await holder.says(/lost .*ended earlier/);
  expect(await holder.done).toMatchObject({ code: 1, stderr: '' });
});

test('what can not be released is said to end by itself', async () => {
  const name = await newSession();
  const only = await replica();
  const holder = hold(`--session ${name}`, only.address);
  await holder.says(/granted/);
  await only.stop('SIGKILL');
  await holder.says(/disconnected/);
  holder.signal('SIGINT');
  await holder.says(/unreleased .*ends by itself at [\d:]+ \(in \d+ s\)/);
  expect(await holder.done).toMatchObject({ code: 3 });
  expect(await heldLease(name)).toBeDefined();
});

function proofOf({ leaseId, fencingToken }: Lease) {
  return { leaseId, fencingToken };
}

import { randomUUIDv7 } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { LeaseAccess, SessionFormat } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { SessionSource } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { renderMaterial } from '#lib/telegram/material/detect.ts';
import { openTestFolder, type TestFolder } from '../../services/session-pool/sync/test-folder.ts';
import { startPoolMesh, type PoolClient, type PoolMesh } from '../support/session-pool.ts';

const operator = randomUUIDv7();
let folder: TestFolder;
let mesh: PoolMesh;
let client: PoolClient;

beforeAll(async () => {
  folder = openTestFolder();
  for (let n = 0; n < 40; n += 1) folder.put(`s${n}.session`);
  folder.write('broken.session', 'no session');
  mesh = await startPoolMesh({
    replicas: 2,
    env: { SESSIONS_DIR: folder.path, TELEGATE_OPERATOR_TENANT: operator },
  });
  client = mesh.client(operator);
}, 60_000);

afterAll(async () => {
  await mesh.stop();
  folder.close();
});

const linesOf = (event: string) =>
  mesh.replicas.flatMap(({ log }) => log.filter((line) => line['event'] === event));

test('at the start one replica takes the folder over, and says so', async () => {
  await expect.poll(async () => (await client.listSessions({})).sessions.length).toBe(40);
  await expect.poll(() => linesOf('synced').some((line) => line['added'] === 40)).toBe(true);
  expect(linesOf('sync_faults')[0]).toMatchObject({ fault_count: 1, faults: [{ file: 'broken.session' }] });
  const { session } = await client.getSession({ name: 's1' });
  expect(session).toMatchObject({ source: SessionSource.SYNC, hasFile: true, environment: 'telegram' });
});

test('by call, at either replica: counts and faults; a lease hands out what the file holds', async () => {
  const material = folder.put('new.session');
  const answers = await Promise.all([
    client.syncSessions({}),
    mesh.client(operator, { replica: 1 }).syncSessions({}),
  ]);
  for (const answer of answers)
    expect(answer).toMatchObject({
      total: 41,
      faultCount: 1,
      faults: [{ file: 'broken.session', problem: expect.stringContaining('not a session') }],
    });
  const { lease } = await client.acquireLease({
    selector: { name: 'new' },
    access: LeaseAccess.CREDENTIALS,
    credentialsFormat: SessionFormat.TELETHON_STRING,
  });
  expect(Buffer.from(lease!.credentials!.material)).toEqual(
    Buffer.from(renderMaterial(material, 'telethon-string')),
  );
  folder.remove('new.session');
  expect(await client.syncSessions({})).toMatchObject({ removed: 1, total: 41 });
  const { leaseId, fencingToken } = lease!;
  await client.releaseLease({ lease: { leaseId, fencingToken } });
  await expect.poll(async () => (await client.listSessions({})).sessions.length).toBe(40);
});

test('nobody but the operator learns what is in the folder', async () => {
  await expect(mesh.client(randomUUIDv7()).syncSessions({})).rejects.toMatchObject({
    code: status.PERMISSION_DENIED,
    reason: ErrorReason.SCOPE_MISSING,
  });
});

test('a folder that is gone is UNAVAILABLE with what to do, and removes nothing', async () => {
  folder.takeAway();
  await expect(client.syncSessions({})).rejects.toMatchObject({
    code: status.UNAVAILABLE,
    reason: ErrorReason.DEPENDENCY_UNAVAILABLE,
    message: expect.stringContaining('Check SESSIONS_DIR'),
    metadata: expect.objectContaining({ dependency: 'SESSIONS_DIR' }),
  });
  expect((await client.listSessions({})).sessions).toHaveLength(40);
});

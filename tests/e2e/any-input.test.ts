import { Client as Channel, credentials, Metadata } from '@grpc/grpc-js';
import { randomUUIDv7 } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { servicePrincipal } from '#lib/auth/principal.ts';
import { faultless } from '../support/any-input.ts';
import type { Known } from '../support/random-messages.ts';
import { startPoolMesh, telethonString, tenantWithSessions, type PoolMesh } from '../support/session-pool.ts';

let mesh: PoolMesh;
let channel: Channel;
let known: Known;
let metadata: Metadata;

beforeAll(async () => {
  mesh = await startPoolMesh();
  channel = new Channel(mesh.replicas[0]!.address, credentials.createInsecure());
  const { tenantId, client, sessionIds } = await tenantWithSessions(mesh, 30);
  const { lease } = await client.acquireLease({ selector: { sessionId: sessionIds[0]! } });
  metadata = new Metadata();
  const token = await mesh.tokenOf(servicePrincipal('tests', tenantId));
  metadata.set('authorization', `Bearer ${token}`);
  known = {
    sessionId: [...sessionIds, 999_999n],
    name: ['session 0', 'session 4'],
    leaseId: [lease!.leaseId, randomUUIDv7()],
    fencingToken: [lease!.fencingToken, lease!.fencingToken - 1n],
    requestId: ['', 'one', 'two'],
    pageToken: [''],
    etag: ['', '1'],
    paths: ['labels'],
    id: ['1', '2', '3'],
    material: [telethonString(), telethonString()],
    holder: ['', 'worker'],
    seconds: [5n, 30n],
    nanos: [0],
  };
});

afterAll(async () => {
  channel.close();
  await mesh.stop();
});

describe('no input makes a call crash or answer INTERNAL', () => {
  test.each(SessionPoolService.methods.map((method) => [method.name, method] as const))(
    '%s',
    async (_name, method) => {
      const target = { channel, metadata, known, process: mesh.replicas[0]! };
      await expect(faultless(method, target)).resolves.toBe(true);
    },
    120_000,
  );
});

import { randomUUIDv7 } from 'node:crypto';
import { Client as Channel, credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { IdentityService } from '#gen/telegate/account_auth/v1/identity_service_pb.ts';
import { servicePrincipal } from '#lib/auth/principal.ts';
import { startIdentityMesh, type IdentityMesh } from '../support/account-auth.ts';
import { faultless, type Target } from '../support/any-input.ts';

let mesh: IdentityMesh;
let channel: Channel;
let asUser: Target;
let asService: Target;

beforeAll(async () => {
  mesh = await startIdentityMesh({
    env: {
      REGISTRATIONS_PER_ADDRESS: '1000000',
      LOGIN_ATTEMPTS_PER_ADDRESS: '1000000',
      LOGIN_ATTEMPTS_PER_USER: '10000',
    },
  });
  channel = new Channel(mesh.replicas[0]!.address, credentials.createInsecure());
  const ann = await mesh.user();
  const spent = await mesh.user();
  const { apiKey, secret } = await ann.client.createApiKey({ name: 'k', scopes: ['pool:read'] });
  const invitations = await Promise.all([1, 2, 3].map(() => ann.client.createInvitation({})));
  const known = {
    email: [ann.email, ann.email.toUpperCase(), `${randomUUIDv7()}@example.org`],
    password: [ann.password, 'another good password'],
    currentPassword: ['not the password'],
    refreshToken: [spent.refreshToken, `${spent.refreshToken}x`],
    invitation: ['', ...invitations.map((made) => made.secret)],
    secret: [secret, `${secret.slice(0, -1)}_`],
    keyId: [apiKey!.keyId, randomUUIDv7()],
    scopes: ['pool:read', 'pool:lease', 'mesh'],
    name: ['a key'],
    requestId: ['', 'one', 'two'],
    pageToken: [''],
    seconds: [60n, BigInt(Math.floor(Date.now() / 1_000) + 3_600)],
    nanos: [0],
    // Else the first of them would end the login that the others are made with.
    everywhere: [false],
  };
  const target = (token: string): Target => {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    return { channel, metadata, known, process: mesh.replicas[0]! };
  };
  const { userId, tenantId } = ann;
  const user = { ...servicePrincipal('x', tenantId), role: 'user' as const, subject: `user:${userId}` };
  asUser = target(await mesh.tokenOf({ ...user, loginId: randomUUIDv7() }));
  asService = target(await mesh.tokenOf(servicePrincipal('tests', tenantId)));
}, 60_000);

afterAll(async () => {
  channel.close();
  await mesh.stop();
});

describe('no input makes a call crash or answer INTERNAL', () => {
  test.each(IdentityService.methods.map((method) => [method.name, method] as const))(
    '%s',
    async (_name, method) => {
      await expect(faultless(method, asUser)).resolves.toBe(true);
      await expect(faultless(method, asService)).resolves.toBe(true);
    },
    120_000,
  );
});

import { randomUUIDv7 } from 'node:crypto';
import { Client as Channel, credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { servicePrincipal } from '#lib/auth/principal.ts';
import { faultless, type Target } from '../support/any-input.ts';
import { startLoginProcesses, type LoginProcesses } from '../support/login-processes.ts';

let mesh: LoginProcesses;
let channel: Channel;
let target: Target;

beforeAll(async () => {
  mesh = await startLoginProcesses({
    env: { TELEGRAM_CODES_PER_PHONE: '1000000', TELEGRAM_LOGINS_PER_TENANT: '1000000' },
  });
  channel = new Channel(mesh.replicas[0]!.address, credentials.createInsecure());
  const tenantId = randomUUIDv7();
  const client = mesh.client(tenantId);
  const people = [mesh.telegram.account(), mesh.telegram.account()];
  const { login } = await client.startLogin({ phone: people[0]!.phone });
  const { code } = mesh.telegram.telegram.logins.code(people[0]!.phone)!;
  const { account } = await client.submitCode({ loginId: login!.loginId, code });
  const { login: open } = await client.startLogin({ phone: people[1]!.phone });
  const { account: plain } = await client.createAccount({ account: { name: 'x', phone: '+15559999999' } });
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${await mesh.tokenOf(servicePrincipal('tests', tenantId))}`);
  const known = {
    accountId: [account!.accountId, plain!.accountId, randomUUIDv7()],
    sessionId: [account!.sessionId, 999_999n],
    phone: [account!.phone, plain!.phone, '+15559999998'],
    loginId: [login!.loginId, open!.loginId, randomUUIDv7()],
    code: ['12345'],
    password: ['a password'],
    name: ['Ann'],
    query: ['', 'a'],
    environment: ['', 'local-test'],
    proxyId: ['', randomUUIDv7()],
    requestId: ['', 'one', 'two'],
    pageToken: [''],
    etag: ['', '1', '2'],
    paths: ['name', 'phone', 'status', 'labels', 'allow_direct'],
  };
  target = { channel, metadata, known, process: mesh.replicas[0]! };
}, 90_000);

afterAll(async () => {
  channel.close();
  await mesh.stop();
});

describe('no input makes a call crash or answer INTERNAL', () => {
  test.each(AccountAuthService.methods.map((method) => [method.name, method] as const))(
    '%s',
    async (_name, method) => {
      await expect(faultless(method, target)).resolves.toBe(true);
    },
    120_000,
  );
});

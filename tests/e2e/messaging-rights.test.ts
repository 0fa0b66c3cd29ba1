import { afterAll, beforeAll, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { MessagingService } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { connect, type ConnectOptions } from '#lib/rpc/client.ts';
import { startIdentityMesh, type IdentityMesh, type TestUser } from '../support/account-auth.ts';
import { startServiceProcess, type ServiceProcess } from '../support/service-process.ts';
import { telethonString } from '../support/session-pool.ts';

/** What a revocation may take to be heard everywhere. */
const WITHIN_MS = 1_000;
const invalid = { reason: ErrorReason.CREDENTIALS_INVALID };

let mesh: IdentityMesh;
let pool: ServiceProcess;
let messaging: ServiceProcess;
const closing: (() => void)[] = [];

beforeAll(async () => {
  mesh = await startIdentityMesh();
  pool = await startServiceProcess('session-pool', mesh.environment);
  messaging = await startServiceProcess('messaging', {
    ...mesh.environment,
    SESSION_POOL_ADDRESS: pool.address,
  });
}, 120_000);
afterAll(async () => {
  for (const close of closing) close();
  await messaging.stop();
  await pool.stop();
  await mesh.stop();
});

/** A user with a session: a watch of it begins with how it is connected. */
async function watchable(): Promise<TestUser> {
  const user = await mesh.user();
  const client = connect(SessionPoolService, { address: pool.address, token: user.accessToken });
  closing.push(() => client.close());
  await client.importSession({ name: 'watched', material: telethonString() });
  return user;
}

/** Resolves when the watch has told its first event; then says how and when it ends. */
async function watch(credentials: Partial<ConnectOptions>) {
  const client = connect(MessagingService, { address: messaging.address, ...credentials });
  closing.push(() => client.close());
  const events = client.watchMessages({})[Symbol.asyncIterator]();
  expect((await events.next()).value).toMatchObject({ event: { case: 'connectionState' } });
  const untilItEnds = async (): Promise<unknown> => {
    try {
      while (!(await events.next()).done);
      return undefined;
    } catch (error) {
      return error;
    }
  };
  return { client, ended: untilItEnds().then((error) => ({ error, at: performance.now() })) };
}

test('a key that is revoked ends the watches that it opened within a second, and opens no other', async () => {
  const ann = await watchable();
  const { secret, apiKey } = await ann.client.createApiKey({ name: 'k', scopes: ['message:read'] });
  const { client, ended } = await watch({ apiKey: secret });
  const own = await watch({ token: ann.accessToken });
  const revokedAt = performance.now();
  await ann.client.revokeApiKey({ keyId: apiKey!.keyId });
  const { error, at } = await ended;
  expect(error).toMatchObject(invalid);
  expect(at - revokedAt).toBeLessThan(WITHIN_MS);
  await expect(client.listConnections({})).rejects.toMatchObject(invalid);
  // The owner's own goes on until the logout.
  await expect(own.client.listConnections({})).resolves.toBeDefined();
  const loggedOutAt = performance.now();
  await ann.client.logout({});
  const over = await own.ended;
  expect(over.error).toMatchObject(invalid);
  expect(over.at - loggedOutAt).toBeLessThan(WITHIN_MS);
});

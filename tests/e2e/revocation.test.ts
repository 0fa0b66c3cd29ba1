import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { connect, type Client, type ConnectOptions } from '#lib/rpc/client.ts';
import { startIdentityMesh, type IdentityMesh } from '../support/account-auth.ts';
import { startServiceProcess, type ServiceProcess } from '../support/service-process.ts';
import { natsMissing, startNats, type NatsServer } from '../support/nats.ts';

const invalid = { reason: ErrorReason.CREDENTIALS_INVALID };
/** What a revocation may take to be heard everywhere. */
const WITHIN_MS = 1_000;

type PoolClient = Client<typeof SessionPoolService>;

const kinds = natsMissing === undefined ? ['PostgreSQL', 'NATS'] : ['PostgreSQL'];

describe.each(kinds)('over %s', (events) => {
  let nats: NatsServer | undefined;
  let mesh: IdentityMesh;
  let pools: ServiceProcess[];
  let gateway: ServiceProcess;
  const clients: PoolClient[] = [];

  beforeAll(async () => {
    nats = events === 'NATS' ? await startNats() : undefined;
    mesh = await startIdentityMesh(nats ? { natsUrl: nats.url } : {});
    pools = await Promise.all([1, 2].map(() => startServiceProcess('session-pool', mesh.environment)));
    gateway = await startServiceProcess('gateway', {
      ...mesh.environment,
      SESSION_POOL_ADDRESS: pools[0]!.address,
    });
  }, 60_000);
  afterAll(async () => {
    for (const client of clients) client.close();
    await Promise.all([...pools, gateway].map((one) => one.stop()));
    await mesh.stop();
    await nats?.stop();
  });

  function pool(credentials: Partial<ConnectOptions>, address = pools[0]!.address): PoolClient {
    const client = connect(SessionPoolService, { address, ...credentials });
    clients.push(client);
    return client;
  }

  /** Resolves when the stream is open; then says how and when it ends. */
  async function watch(client: PoolClient): Promise<{ ended: Promise<{ error: unknown; at: number }> }> {
    const stream = client.watchPool({});
    const messages = stream[Symbol.asyncIterator]();
    await messages.next();
    const untilItEnds = async (): Promise<unknown> => {
      try {
        while (!(await messages.next()).done);
        return undefined;
      } catch (error) {
        return error;
      }
    };
    return { ended: untilItEnds().then((error) => ({ error, at: performance.now() })) };
  }

  test('a key that is revoked ends its streams everywhere, and is refused, within a second', async () => {
    const ann = await mesh.user();
    const { secret, apiKey } = await ann.client.createApiKey({ name: 'k', scopes: ['pool:read'] });
    const everywhere = [pools[0]!, pools[1]!, gateway].map(({ address }) =>
      pool({ apiKey: secret }, address),
    );
    const streams = await Promise.all(everywhere.map(async (client) => watch(client)));
    const revokedAt = performance.now();
    await ann.client.revokeApiKey({ keyId: apiKey!.keyId });
    for (const { ended } of streams) {
      const { error, at } = await ended;
      expect(error).toMatchObject(invalid);
      expect(at - revokedAt).toBeLessThan(WITHIN_MS);
    }
    for (const client of everywhere) await expect(client.getPoolStatus({})).rejects.toMatchObject(invalid);
  });

  test('a logout ends the streams of that login, and of no other', async () => {
    const ann = await mesh.user();
    const { tokens } = await mesh.client().login(ann);
    const first = pool({ token: ann.accessToken });
    const second = pool({ token: tokens!.accessToken });
    const atEdge = pool({ token: ann.accessToken }, gateway.address);
    const streams = await Promise.all([watch(first), watch(atEdge)]);
    const other = await watch(second);
    const loggedOutAt = performance.now();
    await ann.client.logout({});
    for (const { ended } of streams) {
      const { error, at } = await ended;
      expect(error).toMatchObject(invalid);
      expect(at - loggedOutAt).toBeLessThan(WITHIN_MS);
    }
    await expect(first.getPoolStatus({})).rejects.toMatchObject(invalid);
    await expect(second.getPoolStatus({})).resolves.toBeDefined();
    await mesh.client({ token: tokens!.accessToken }).logout({ everywhere: true });
    expect((await other.ended).error).toMatchObject(invalid);
  });

  test('the reuse of an old refresh token ends the login, its streams too', async () => {
    const ann = await mesh.user();
    const stream = await watch(pool({ token: ann.accessToken }));
    const second = await mesh.client().refreshTokens({ refreshToken: ann.refreshToken });
    await mesh.client().refreshTokens({ refreshToken: second.tokens!.refreshToken });
    await expect(mesh.client().refreshTokens({ refreshToken: ann.refreshToken })).rejects.toMatchObject(
      invalid,
    );
    expect((await stream.ended).error).toMatchObject(invalid);
  });

  test('a key that expires ends its streams', async () => {
    const ann = await mesh.user();
    const expireTime = timestampFromMs(Date.now() + 1_500);
    const { secret } = await ann.client.createApiKey({ name: 'k', scopes: ['pool:read'], expireTime });
    const { ended } = await watch(pool({ apiKey: secret }));
    expect((await ended).error).toMatchObject(invalid);
  });

  test('a process that starts afterwards knows of the logout too', async () => {
    const ann = await mesh.user();
    await pool({ token: ann.accessToken }).getPoolStatus({});
    await ann.client.logout({});
    const late = await startServiceProcess('session-pool', mesh.environment);
    const client = pool({ token: ann.accessToken }, late.address);
    await expect
      .poll(
        () =>
          client.getPoolStatus({}).then(
            () => 'let in',
            () => 'refused',
          ),
        { timeout: WITHIN_MS },
      )
      .toBe('refused');
    await late.stop();
  });

  test.skipIf(events !== 'NATS')(
    'what is revoked while NATS is away ends when it is back',
    async () => {
      const ann = await mesh.user();
      const { secret, apiKey } = await ann.client.createApiKey({ name: 'k', scopes: ['pool:read'] });
      const streams = await Promise.all([
        watch(pool({ apiKey: secret })),
        watch(pool({ token: ann.accessToken }, gateway.address)),
      ]);
      await nats!.kill();
      await ann.client.revokeApiKey({ keyId: apiKey!.keyId });
      await ann.client.logout({});
      await nats!.start();
      for (const { ended } of streams) expect((await ended).error).toMatchObject(invalid);
    },
    30_000,
  );

  test('without account-auth, services start; what they know goes on, and of the rest they say that it is away', async () => {
    const ann = await mesh.user();
    const made = await Promise.all(
      ['known', 'unknown'].map((name) => ann.client.createApiKey({ name, scopes: ['pool:read'] })),
    );
    const [known, unknown] = made.map(({ secret }) => pool({ apiKey: secret }));
    await known!.getPoolStatus({});
    await mesh.replicas[0]!.stop();
    const late = await startServiceProcess('session-pool', mesh.environment);
    await expect(known!.getPoolStatus({})).resolves.toBeDefined();
    const away = { reason: ErrorReason.DEPENDENCY_UNAVAILABLE };
    await expect(unknown!.getPoolStatus({})).rejects.toMatchObject(away);
    await expect(pool({ token: ann.accessToken }, late.address).getPoolStatus({})).rejects.toMatchObject(
      away,
    );
    await expect(pool({ apiKey: 'no key at all' }).getPoolStatus({})).rejects.toMatchObject(invalid);
    await late.stop();
  });
});

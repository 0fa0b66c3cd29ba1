import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestTelegram, type TestTelegram } from '../../tests/support/local-telegram.ts';

/**
 * A client of another make and a much later layer: what both layers have in common must work. It is no dependency,
 * since it comes with a native database; TELEGATE_MTCUTE names a node_modules that has @mtcute/node 0.30.3.
 */
const modules = process.env['TELEGATE_MTCUTE'];
const place = modules === undefined ? undefined : join(modules, '@mtcute/node');
const isMissing = place === undefined || !existsSync(place);
const reason = place === undefined ? 'TELEGATE_MTCUTE is not set' : `${place} is not there`;
if (isMissing && process.env['TELEGATE_TEST_REQUIRE_CLIENTS'] === '1') throw new Error(reason);

interface MtcuteClient {
  crypto: unknown;
  prepare(): Promise<void>;
  connect(): Promise<void>;
  call(query: { _: string; [field: string]: unknown }): Promise<{ _: string; [field: string]: unknown }>;
  destroy(): Promise<void>;
}
interface Mtcute {
  BaseTelegramClient: new (options: object) => MtcuteClient;
  MemoryStorage: new () => object;
}
interface MtcuteUtils {
  addPublicKey(crypto: unknown, pem: string): void;
}

describe.skipIf(isMissing)(`mtcute${isMissing ? ` (skipped: ${reason})` : ''}`, () => {
  let world: TestTelegram;

  beforeAll(async () => {
    world = await startTestTelegram();
  });

  afterAll(() => world.close());

  test('exchanges keys, keeps its session alive and makes the calls that both layers have', async () => {
    const load = (file: string): Promise<unknown> => import(pathToFileURL(join(place!, file)).href);
    const { BaseTelegramClient, MemoryStorage } = (await load('index.js')) as Mtcute;
    const { addPublicKey } = (await load('utils.js')) as MtcuteUtils;
    const [first] = world.telegram.dataCenters;
    const dataCenter = { id: first!.id, ipAddress: first!.host, port: first!.port };
    const client = new BaseTelegramClient({
      apiId: 1,
      apiHash: 'local',
      storage: new MemoryStorage(),
      defaultDcs: { main: dataCenter, media: dataCenter },
      logLevel: 0,
    });
    await client.prepare();
    addPublicKey(client.crypto, world.telegram.serverKey.publicPem);
    await client.connect();
    expect(await client.call({ _: 'help.getNearestDc' })).toMatchObject({ thisDc: 2, nearestDc: 2 });
    expect(await client.call({ _: 'help.getConfig' })).toMatchObject({ _: 'config', thisDc: 2 });
    const { phone } = world.account();
    const sent = await client.call({
      _: 'auth.sendCode',
      phoneNumber: phone,
      apiId: 1,
      apiHash: 'local',
      settings: { _: 'codeSettings' },
    });
    expect(sent).toMatchObject({
      _: 'auth.sentCode',
      phoneCodeHash: world.telegram.logins.code(phone)!.hash,
    });
    await expect(
      client.call({
        _: 'auth.signIn',
        phoneNumber: phone,
        phoneCodeHash: String(sent['phoneCodeHash']),
        phoneCode: 'wrong',
      }),
    ).rejects.toMatchObject({ text: 'PHONE_CODE_INVALID' });
    expect(world.telegram.log.counters.messagesRefused).toBeLessThanOrEqual(1);
    await client.destroy();
  });
});

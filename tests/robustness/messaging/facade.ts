import { randomBytes } from 'node:crypto';
import {
  LocalTelegramService,
  type GetServerInfoResponse,
} from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { createAuthenticator } from '#lib/auth/authenticate.ts';
import { meshKeys } from '#lib/auth/mesh-token.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { implement, type AccessTable, type Handlers } from '#lib/rpc/implement.ts';
import { serve } from '#lib/rpc/server.ts';
import { createLogger } from '#lib/telemetry/log.ts';

type Service = typeof LocalTelegramService;

function refuse(): never {
  throw new Error('the mesh asks a local Telegram only where it is');
}

function forAll(value: unknown): object {
  return Object.fromEntries(LocalTelegramService.methods.map(({ localName }) => [localName, value]));
}

/** Says to the mesh where the local Telegram is, with the relays in its data centres' places; nothing else. */
export async function startFacade(info: GetServerInfoResponse) {
  const handlers = {
    ...forAll(refuse),
    getServerInfo: () => Promise.resolve(info),
  } as unknown as Handlers<Service>;
  const server = await serve({
    host: '127.0.0.1',
    port: 0,
    implementations: [
      implement(LocalTelegramService, handlers, forAll('public') as AccessTable<Service>, {
        longLived: ['watchLog'],
      }),
    ],
    authenticate: createAuthenticator({
      meshKeys: meshKeys([randomBytes(32)]),
      operatorKey: `tgop_${randomBytes(24).toString('base64url')}`,
      clock: systemClock,
    }),
    reflection: 'off',
    log: createLogger({ service: 'facade', level: 'silent' }),
  });
  return { address: `127.0.0.1:${server.port}`, close: () => server.drain(0) };
}

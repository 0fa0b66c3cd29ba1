import { randomBytes } from 'node:crypto';
import { LocalTelegramService } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { createAuthenticator } from '#lib/auth/authenticate.ts';
import { meshKeys } from '#lib/auth/mesh-token.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import { serve } from '#lib/rpc/server.ts';
import { createLogger } from '#lib/telemetry/log.ts';
import { controlRoutes } from '../../services/local-telegram/routes.ts';
import type { Telegram } from '../../services/local-telegram/telegram.ts';

export type Control = Client<typeof LocalTelegramService>;

export interface TestControl {
  control: Control;
  address: string;
  close(): Promise<void>;
}

/** The control service of a local Telegram in this process, over real gRPC. */
export async function startControl(
  telegram: Telegram,
  options: { access?: 'public' | 'operator'; apiKey?: string } = {},
): Promise<TestControl> {
  const { access = 'public', apiKey } = options;
  const server = await serve({
    host: '127.0.0.1',
    port: 0,
    implementations: [controlRoutes({ telegram, stateFile: '', access })],
    authenticate: createAuthenticator({
      meshKeys: meshKeys([randomBytes(32)]),
      operatorKey: 'operator-key-of-this-test',
      clock: systemClock,
    }),
    reflection: 'on',
    log: createLogger({ service: 'local-telegram', level: 'error' }),
  });
  const address = `127.0.0.1:${server.port}`;
  const control = connect(LocalTelegramService, {
    address,
    defaultDeadlineMs: 10_000,
    ...(apiKey ? { apiKey } : {}),
  });
  return {
    control,
    address,
    async close() {
      control.close();
      await server.drain(0);
    },
  };
}

import { LocalTelegramService } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import type { Access } from '#lib/auth/scopes.ts';
import { implement, type AccessTable, type Implementation } from '#lib/rpc/implement.ts';
import { accountRoutes } from './control/accounts.ts';
import { authorizationRoutes } from './control/authorizations.ts';
import { channelRoutes } from './control/channels.ts';
import { faultRoutes } from './control/faults.ts';
import { logRoutes } from './control/log.ts';
import { messageRoutes } from './control/messages.ts';
import { serverRoutes } from './control/server.ts';
import type { Telegram } from './telegram.ts';

export interface ControlOptions {
  telegram: Telegram;
  stateFile: string;
  /** `public` on the loopback address, where nothing real is to be had; else `operator`. */
  access: Extract<Access, 'public' | 'operator'>;
}

export function controlRoutes({ telegram, stateFile, access }: ControlOptions): Implementation {
  const table = Object.fromEntries(
    LocalTelegramService.methods.map(({ localName }) => [localName, access]),
  ) as AccessTable<typeof LocalTelegramService>;
  return implement(
    LocalTelegramService,
    {
      ...serverRoutes(telegram, { stateFile }),
      ...accountRoutes(telegram),
      ...authorizationRoutes(telegram),
      ...channelRoutes(telegram),
      ...messageRoutes(telegram),
      ...faultRoutes(telegram),
      ...logRoutes(telegram),
    },
    table,
    { longLived: ['watchLog'] },
  );
}

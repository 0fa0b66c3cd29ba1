import { LocalTelegramService } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { integer, optionalText, type Field } from '#lib/config/config.ts';
import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import { connect } from '#lib/rpc/client.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { localTelegram, realTelegram, type TelegramEnvironment } from './environment.ts';

/** Which Telegram a process talks to: the real one with an application's id and hash, or a local one. */
export const telegramFields = {
  telegramApiId: {
    ...integer('TELEGRAM_API_ID', {
      doc: 'The id of your application, from https://my.telegram.org. Needs TELEGRAM_API_HASH.',
      default: 0,
      min: 0,
      max: 2 ** 31 - 1,
    }),
    defaultText: 'unset',
  } satisfies Field<number>,
  telegramApiHash: optionalText('TELEGRAM_API_HASH', {
    doc: 'The hash of your application, from https://my.telegram.org.',
    secret: true,
    maxLength: 128,
  }),
  localTelegramAddress: optionalText('LOCAL_TELEGRAM_ADDRESS', {
    doc: 'Where a local Telegram serves gRPC, in place of the real one: host:port.',
    maxLength: 512,
  }),
};

export interface TelegramChoice {
  readonly telegramApiId: number;
  readonly telegramApiHash: string | undefined;
  readonly localTelegramAddress: string | undefined;
}

const ANSWER_MS = 5_000;
const PAUSE_MS = 500;

/** None when neither is configured. A local Telegram is waited for. */
export async function findTelegram(
  config: TelegramChoice,
  options: { apiKey: string; clock: Clock; log: Logger; timeoutMs: number; signal: AbortSignal },
): Promise<TelegramEnvironment | undefined> {
  const { telegramApiId: apiId, telegramApiHash: apiHash, localTelegramAddress: address } = config;
  if ((apiId === 0) !== (apiHash === undefined))
    throw new Error(
      `TELEGRAM_API_ID and TELEGRAM_API_HASH belong together: ${apiId === 0 ? 'TELEGRAM_API_ID' : 'TELEGRAM_API_HASH'} is unset. Both are at https://my.telegram.org.`,
    );
  if (apiHash !== undefined) return realTelegram({ apiId, apiHash });
  if (address === undefined) return undefined;
  const { apiKey, clock, log, timeoutMs, signal } = options;
  const client = connect(LocalTelegramService, { address, apiKey, defaultDeadlineMs: ANSWER_MS });
  const until = clock.monotonic() + timeoutMs;
  try {
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        return localTelegram(await client.getServerInfo({}));
      } catch (error) {
        if (!(error instanceof DomainError) || clock.monotonic() > until)
          throw new Error(`The local Telegram at ${address} (LOCAL_TELEGRAM_ADDRESS) does not answer.`, {
            cause: error,
          });
        if (attempt === 1) log.info({ event: 'waiting' }, `waiting for the local Telegram at ${address}`);
        await pause(clock, PAUSE_MS, signal);
      }
    }
  } finally {
    client.close();
  }
}

import { LocalTelegramService } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import { connect } from '#lib/rpc/client.ts';
import { productionDataCenters } from '#lib/telegram/material/data-centers.ts';
import type { Address } from '#lib/telegram/material/material.ts';
import type { Logger } from '#lib/telemetry/log.ts';

const DATA_CENTER = 2;
const ANSWER_MS = 5_000;
const PAUSE_MS = 500;

export interface WaitOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly apiKey: string;
}

/** The data centre that every proxy is to reach: the real Telegram's, or that of a local one, which is waited for. */
export async function dataCenterToReach(
  localAddress: string | undefined,
  options: WaitOptions,
): Promise<Address> {
  if (localAddress === undefined) {
    const { ipv4, port } = productionDataCenters.get(DATA_CENTER)!;
    return { host: ipv4, port };
  }
  const { clock, log, timeoutMs, signal, apiKey } = options;
  const client = connect(LocalTelegramService, {
    address: localAddress,
    apiKey,
    defaultDeadlineMs: ANSWER_MS,
  });
  const deadline = clock.monotonic() + timeoutMs;
  try {
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        const info = await client.getServerInfo({});
        const { host, port } =
          info.dataCenters.find(({ dataCenter }) => dataCenter === info.defaultDataCenter) ??
          info.dataCenters[0]!;
        return { host, port };
      } catch (error) {
        if (clock.monotonic() > deadline)
          throw new Error(`The local Telegram at ${localAddress} (LOCAL_TELEGRAM_ADDRESS) does not answer.`, {
            cause: error,
          });
        if (attempt === 1)
          log.info({ event: 'waiting' }, `waiting for the local Telegram at ${localAddress}`);
        await pause(clock, PAUSE_MS, signal);
      }
    }
  } finally {
    client.close();
  }
}

import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { ShownCampaign } from './store.ts';

type Listener = (shown: ShownCampaign) => void;

export interface CampaignBoard {
  /** Called with how the campaign stands after each reading; returns what takes the listener away. */
  watch(campaignId: string, listener: Listener): () => void;
  /** Reads now instead of at the next turn. */
  wake(): void;
  stop(): Promise<void>;
}

const EVERY_MS = 1_000;

/**
 * Reads all campaigns that anybody watches here at once, once a second, whatever the number of streams; nothing while
 * nobody does. Actions end by the hundred a second: a reading costs less than a notification for each.
 */
export function createCampaignBoard(options: {
  read(campaignIds: readonly string[]): Promise<ShownCampaign[]>;
  clock: Clock;
  log: Logger;
}): CampaignBoard {
  const { read, clock, log } = options;
  const listeners = new Map<string, Set<Listener>>();
  const stopping = new AbortController();
  let idle = Promise.withResolvers<void>();
  let turn = new AbortController();

  async function pass(): Promise<void> {
    for (const shown of await read([...listeners.keys()]))
      for (const tell of listeners.get(shown.row.campaign_id) ?? []) tell(shown);
  }

  async function run(): Promise<void> {
    let failing = false;
    while (!stopping.signal.aborted) {
      if (listeners.size === 0) {
        await idle.promise;
        continue;
      }
      turn = new AbortController();
      await pause(clock, EVERY_MS, AbortSignal.any([stopping.signal, turn.signal]));
      if (stopping.signal.aborted || listeners.size === 0) continue;
      try {
        await pass();
        failing = false;
      } catch (error) {
        if (!failing)
          log.warn({ event: 'campaign_watch', err: error }, 'campaigns can not be read; watching goes on');
        failing = true;
      }
    }
  }

  // Not in the trace of the call that happens to be the first to watch.
  const running = context.with(ROOT_CONTEXT, run);
  return {
    watch(campaignId, listener) {
      const mine = listeners.get(campaignId) ?? new Set();
      listeners.set(campaignId, mine.add(listener));
      idle.resolve();
      return () => {
        mine.delete(listener);
        if (mine.size === 0) listeners.delete(campaignId);
        if (listeners.size === 0 && !stopping.signal.aborted) idle = Promise.withResolvers<void>();
      };
    },
    wake: () => turn.abort(),
    stop() {
      stopping.abort();
      idle.resolve();
      return running;
    },
  };
}

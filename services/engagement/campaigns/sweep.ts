import { sql } from 'kysely';
import { pause } from '#lib/lifecycle/clock.ts';
import type { Engagement } from '../engagement.ts';
import { beginCampaign, claimCampaigns, refillCampaign } from './begin.ts';
import { claimLooks, lookForPosts } from './new-posts.ts';
import { endOverdue, settleCampaigns, skipLeftovers } from './transitions.ts';

const PAUSE_MS = 400;
const CAMPAIGNS_AT_ONCE = 8;

/**
 * Begins campaigns, ends them, and looks for the posts that they wait for. Every replica runs one; a campaign is
 * another's only when its claim is over.
 */
export function startCampaigns(engagement: Engagement): { wake(): void; stop(): Promise<void> } {
  const { clock, log, random, database } = engagement;
  const stopping = new AbortController();
  const { signal } = stopping;
  let turn = new AbortController();

  /** One that can not go on does not keep the others from it. */
  async function each<T extends { readonly campaign_id: string }>(
    rows: readonly T[],
    work: (row: T) => Promise<void>,
  ): Promise<void> {
    await Promise.all(
      rows.map(async (row) => {
        try {
          await work(row);
        } catch (error) {
          if (!signal.aborted)
            log.warn(
              { event: 'campaign_sweep', err: error, campaign_id: row.campaign_id },
              'a campaign could not go on; it is tried again',
            );
        }
      }),
    );
  }

  async function leftovers(): Promise<{ campaign_id: string }[]> {
    const { rows } = await sql<{ campaign_id: string }>`
      select campaign_id from campaigns where leftover order by campaign_id limit ${CAMPAIGNS_AT_ONCE}`.execute(
      database.kysely,
    );
    return rows;
  }

  async function pass(): Promise<void> {
    const ended = await endOverdue(engagement);
    if (ended.length > 0) engagement.wakeRelay();
    await each(await leftovers(), ({ campaign_id: id }) => skipLeftovers(engagement, id));
    await settleCampaigns(engagement);
    await each(await claimCampaigns(engagement, 'to_begin', CAMPAIGNS_AT_ONCE), (row) =>
      beginCampaign(engagement, row, signal),
    );
    await each(await claimCampaigns(engagement, 'to_fill', CAMPAIGNS_AT_ONCE), (row) =>
      refillCampaign(engagement, row, signal),
    );
    await each(await claimLooks(engagement, CAMPAIGNS_AT_ONCE), (row) =>
      lookForPosts(engagement, row, signal),
    );
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      turn = new AbortController();
      try {
        await pass();
      } catch (error) {
        if (!signal.aborted)
          log.warn(
            { event: 'campaign_sweep', err: error },
            'campaigns could not be looked after; it is tried again',
          );
        turn = new AbortController();
      }
      await pause(clock, PAUSE_MS * (0.8 + random() * 0.4), AbortSignal.any([signal, turn.signal]));
    }
  }

  const running = run();
  return {
    wake: () => turn.abort(),
    stop() {
      stopping.abort();
      return running;
    },
  };
}

import { CampaignState, type Campaign } from '#gen/telegate/engagement/v1/campaign_pb.ts';
import {
  EngagementService,
  WatchCampaignResponseSchema,
} from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { pause } from '#lib/lifecycle/clock.ts';
import type { Invocation } from '../command.ts';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { isUnreachable, Unreachable, type Service } from '../service.ts';
import { messageJson } from '../terminal/output.ts';
import { plain } from '../terminal/table.ts';
import { moment, timeOfDay } from '../terminal/times.ts';
import { nameOf } from '../values.ts';
import { campaignSheet, campaignStates, countsText } from './text.ts';

type Following = Pick<Invocation, 'out' | 'clock' | 'stop'>;

const PAUSE_MS = 1_000;
const BAR = 30;

/** Shows the progress until the campaign has ended; Ctrl-C ends only the watching. */
export async function followCampaign(
  call: Following,
  engagement: Service<typeof EngagementService>,
  campaignId: string,
): Promise<ExitCode> {
  const { out, clock, stop } = call;
  const { addresses } = engagement.place;
  let last: Campaign | undefined;
  for (let attempt = 0; !stop.aborted; attempt += 1) {
    if (attempt > 0) await pause(clock, PAUSE_MS, stop);
    const client = engagement.connect(addresses[attempt % addresses.length]!);
    try {
      const answers = client.watchCampaign({ campaignId }, { signal: stop, isLongLived: true });
      for await (const answer of answers) {
        last = answer.campaign!;
        show(call, answer);
      }
      if (last && isOver(last)) break;
    } catch (error) {
      if (stop.aborted) break;
      if (!isUnreachable(EngagementService, error)) throw error;
      if (!last && attempt + 1 >= addresses.length) throw new Unreachable(engagement.place, error);
    } finally {
      client.close();
    }
  }
  out.standing('');
  if (!last || !isOver(last)) {
    out.note(`The campaign goes on. telegate campaign watch, pause or cancel ${campaignId}`);
    return exitCode.ok;
  }
  if (!out.isJson) {
    const ended = last;
    out.event(
      () => null,
      () => campaignSheet(ended, clock.now()),
    );
  }
  return last.state === CampaignState.DONE && (last.counts?.failed ?? 0) === 0
    ? exitCode.ok
    : exitCode.refused;
}

function show(
  { out, clock }: Following,
  answer: Parameters<typeof messageJson<typeof WatchCampaignResponseSchema>>[1],
): void {
  const now = clock.now();
  const line = progress(answer.campaign!, now);
  if (out.isLive) out.standing(line);
  else
    out.event(
      () => messageJson(WatchCampaignResponseSchema, answer),
      () => `${timeOfDay(now)}  ${line}`,
    );
}

function progress(one: Campaign, now: number): string {
  const { done = 0, failed = 0, skipped = 0, planned = 0, running = 0 } = one.counts ?? {};
  const total = done + failed + skipped + planned + running;
  const filled = total === 0 ? 0 : Math.floor((BAR * (total - planned - running)) / total);
  const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR - filled)}`;
  const next = one.nextActionTime ? `, next ${moment(one.nextActionTime, now)}` : '';
  const reason = one.stateReason === '' ? '' : `: ${plain(one.stateReason)}`;
  return `${bar}  ${nameOf(campaignStates, one.state)}${reason}, ${countsText(one)}${next}`;
}

function isOver({ state }: Campaign): boolean {
  return state === CampaignState.DONE || state === CampaignState.CANCELLED;
}

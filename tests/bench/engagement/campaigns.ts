import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { CampaignKind, CampaignState, type Campaign } from '#gen/telegate/engagement/v1/campaign_pb.ts';
import type { Bench } from '../pool/bench.ts';
import type { Line } from '../report.ts';
import { median } from '../statistics.ts';
import { startEngagementSystem, type BenchMember, type EngagementSystem } from './mesh.ts';

const ACCOUNTS = 100;
const POSTS = 50;
/** Of a campaign whose rate is measured: a thousand actions. */
const ACTED_POSTS = 10;
const LOOK_EVERY_MS = 20;
const LIMIT_MS = 300_000;
/** With it only each account's first actions fall due while plans are timed. */
const HOUR = durationFromMs(3_600_000);
const LETTERS = '{a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p|q|r|s|t}';

interface Place {
  readonly targetId: string;
  readonly postIds: bigint[];
}

/** How long a large campaign takes to be planned, and how many actions a second are done with no gap between them. */
export async function measureCampaigns(bench: Bench): Promise<Line[]> {
  const { rounds } = bench.options;
  const mesh = await startEngagementSystem(bench);
  try {
    const members = await mesh.accounts(ACCOUNTS);
    const planned: number[] = [];
    for (let round = 0; round < rounds; round += 1) planned.push(await planSeconds(mesh, members));
    const lines: Line[] = [
      {
        name: `${ACCOUNTS} accounts × ${POSTS} posts planned`,
        value: median(planned),
        shown: `${median(planned).toFixed(2)} s`,
        target: { atMost: 5 },
        rounds: planned,
      },
    ];
    for (const [name, kind] of [
      ['comments', CampaignKind.COMMENT],
      ['reactions', CampaignKind.REACTION],
      ['views', CampaignKind.VIEW],
    ] as const) {
      const rates: number[] = [];
      for (let round = 0; round < rounds; round += 1) rates.push(await actionRate(mesh, members, kind));
      const value = median(rates);
      const shown = `${Math.round(value)} actions/s`;
      lines.push({ name: `${name} with no gap`, value, shown, target: { atLeast: 100 }, rounds: rates });
    }
    return lines;
  } finally {
    await mesh.stop();
  }
}

function wanted(place: Place, members: readonly BenchMember[], kind: CampaignKind) {
  return {
    targetId: place.targetId,
    kind,
    posts: { postIds: place.postIds },
    accounts: { accountIds: members.map(({ accountId }) => accountId) },
    ...(kind === CampaignKind.COMMENT
      ? { comments: { templates: [`${LETTERS} ${LETTERS} ${LETTERS}`] } }
      : {}),
    ...(kind === CampaignKind.REACTION ? { reactions: [{ emoji: '👍', weight: 1 }] } : {}),
    ...(kind === CampaignKind.VIEW ? { view: { parallelism: 100 } } : {}),
  };
}

/** From the call to the moment in which every action stands there. */
async function planSeconds(mesh: EngagementSystem, members: readonly BenchMember[]): Promise<number> {
  const place = await mesh.channel(members[0]!, POSTS);
  const startedAt = performance.now();
  const { campaign } = await mesh.engagement.createCampaign({
    campaign: { ...wanted(place, members, CampaignKind.COMMENT), pace: { interval: HOUR } },
  });
  const { campaignId } = campaign!;
  await until(mesh, campaignId, ({ counts }) => {
    const { planned, running, done, failed, skipped } = counts!;
    return planned + running + done + failed + skipped === ACCOUNTS * POSTS;
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  await mesh.engagement.cancelCampaign({ campaignId });
  await until(mesh, campaignId, ({ counts }) => counts!.running === 0);
  return seconds;
}

/** From the first action that was done to the last: what a campaign costs besides is in the plan. */
async function actionRate(
  mesh: EngagementSystem,
  members: readonly BenchMember[],
  kind: CampaignKind,
): Promise<number> {
  const place = await mesh.channel(members[0]!, ACTED_POSTS);
  const { campaign } = await mesh.engagement.createCampaign({ campaign: wanted(place, members, kind) });
  const { campaignId } = campaign!;
  const first = await until(mesh, campaignId, ({ counts }) => counts!.done > 0);
  const startedAt = performance.now();
  const last = await until(mesh, campaignId, ({ state }) => state === CampaignState.DONE);
  const seconds = (performance.now() - startedAt) / 1_000;
  const all = ACCOUNTS * ACTED_POSTS;
  if (last.counts!.done !== all) throw new Error(`${last.counts!.done} of ${all} actions were done`);
  return (all - first.counts!.done) / seconds;
}

async function until(
  { engagement }: EngagementSystem,
  campaignId: string,
  holds: (campaign: Campaign) => boolean,
): Promise<Campaign> {
  const end = performance.now() + LIMIT_MS;
  for (;;) {
    const { campaign } = await engagement.getCampaign({ campaignId });
    if (holds(campaign!)) return campaign!;
    if (performance.now() > end)
      throw new Error(
        `the campaign stands at ${JSON.stringify(campaign!.counts)} after ${LIMIT_MS / 1_000} s`,
      );
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

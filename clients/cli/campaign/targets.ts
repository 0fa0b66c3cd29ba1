import type { Target } from '#gen/telegate/engagement/v1/campaign_pb.ts';
import type { EngagementService } from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { Misuse } from '../misuse.ts';
import { isUuid } from '../named-account.ts';
import { gather } from '../pages.ts';
import type { Service } from '../service.ts';

const MOST = 10_000;

/** By id, by @username, or by the messaging service's name for the channel. */
export async function findTargetId(
  engagement: Service<typeof EngagementService>,
  text: string,
): Promise<string> {
  if (isUuid(text)) return text;
  const wanted = text
    .replace(/^(?:https?:\/\/)?t\.me\//, '')
    .replace(/^@/, '')
    .toLowerCase();
  const { found } = await gather<Target>(MOST, async (page) => {
    const answer = await engagement.call((client) => client.listTargets(page));
    return { items: answer.targets, nextPageToken: answer.nextPageToken };
  });
  const target = found.find(({ username, channel }) => username.toLowerCase() === wanted || channel === text);
  if (target) return target.targetId;
  throw new Misuse(
    `${JSON.stringify(text)} is no registered channel: telegate campaign targets register ${text}`,
  );
}

import type { CampaignState } from '#gen/telegate/engagement/v1/campaign_pb.ts';
import type { EngagementService } from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { withRetry } from '#lib/postgres/transaction.ts';
import { pageToken, readPageToken } from '#lib/requests/page-token.ts';
import * as validate from '#lib/requests/validate.ts';
import { NotFound, type FieldViolation } from '#lib/rpc/errors.ts';
import type { CallContext, Handlers } from '#lib/rpc/implement.ts';
import { Latest, sendChanges } from '#lib/rpc/latest.ts';
import { carriedOn, type Engagement } from '../engagement.ts';
import { watchClosely } from '../targets/store.ts';
import { createCampaign } from './create.ts';
import { campaignMessage, STATE_NAMES, type CampaignInit } from './messages.ts';
import { verifiedTarget, verifyAnew } from './prepare.ts';
import { previewCampaign } from './preview.ts';
import { readCampaign } from './requests.ts';
import { findCampaign, findCampaigns, listCampaigns, shown, type ShownCampaign } from './store.ts';
import { cancelCampaign, pauseCampaign, resumeCampaign, skipLeftovers, type Asked } from './transitions.ts';
import { createCampaignBoard } from './watch.ts';

export type CampaignHandlers = Pick<
  Handlers<typeof EngagementService>,
  | 'createCampaign'
  | 'getCampaign'
  | 'listCampaigns'
  | 'pauseCampaign'
  | 'resumeCampaign'
  | 'cancelCampaign'
  | 'previewCampaign'
  | 'watchCampaign'
>;

const LONGEST_REASON = 256;
const STATES = Object.keys(STATE_NAMES).map((value) => Number(value) as CampaignState);
const SAMPLES = { absent: 3, most: 10 };
const WATCH_MS = 1_000;

export function campaignRoutes(
  engagement: Engagement,
  { onStop, wake }: { onStop(name: string, stop: () => Promise<void>): void; wake(): void },
): CampaignHandlers {
  const { database, clock, log, settings, texts } = engagement;
  const board = createCampaignBoard({
    read: (ids) => withRetry(async () => shown(database.kysely, await findCampaigns(database.kysely, ids))),
    clock,
    log,
  });
  onStop('campaign board', () => board.stop());

  async function read(tenantId: string, campaignId: string): Promise<ShownCampaign> {
    return withRetry(async () => {
      const row = await findCampaign(database.kysely, tenantId, campaignId);
      if (!row) throw new NotFound('campaign', campaignId);
      return (await shown(database.kysely, [row]))[0]!;
    });
  }

  const messageOf = (one: ShownCampaign): CampaignInit => campaignMessage(one, texts.disclosureLine);

  /** Everything is said of a change once it is committed. */
  async function changed({ tenantId, campaignId }: Asked): Promise<{ campaign: CampaignInit }> {
    engagement.wakeRelay();
    board.wake();
    wake();
    return { campaign: messageOf(await read(tenantId, campaignId)) };
  }

  return {
    async createCampaign(request, ctx) {
      const faults: FieldViolation[] = [];
      validate.requestId(faults, 'request_id', request.requestId);
      validate.throwIfAny(faults);
      const wish = readCampaign(request.campaign, { nowMs: clock.now(), limits: settings.limits, texts });
      return createCampaign(engagement, ctx, request, wish);
    },

    async previewCampaign(request, ctx) {
      const faults: FieldViolation[] = [];
      const { sampleCount } = request;
      if (sampleCount < 0 || sampleCount > SAMPLES.most)
        faults.push({
          field: 'sample_count',
          description: `is ${sampleCount}; send 1 to ${SAMPLES.most}, or 0 for ${SAMPLES.absent}`,
        });
      validate.throwIfAny(faults);
      const wish = readCampaign(request.campaign, { nowMs: clock.now(), limits: settings.limits, texts });
      return previewCampaign(engagement, ctx, wish, sampleCount || SAMPLES.absent);
    },

    async getCampaign(request, { principal }) {
      return { campaign: messageOf(await read(principal.tenantId, campaignIdOf(request))) };
    },

    async listCampaigns(request, { principal: { tenantId } }) {
      const faults: FieldViolation[] = [];
      const filter = ['ListCampaigns', tenantId, request.targetId, request.state];
      const targetId =
        request.targetId === '' ? undefined : validate.uuid(faults, 'target_id', request.targetId);
      validate.oneOf(faults, 'state', request.state, STATES, 'send a state of a campaign, or none for any');
      const limit = validate.pageSize(faults, 'page_size', request.pageSize);
      const before = readPageToken(faults, 'page_token', request.pageToken, filter);
      validate.throwIfAny(faults);
      const state = STATE_NAMES[request.state];
      const rows = await withRetry(() =>
        listCampaigns(database.kysely, { tenantId, targetId, state, before, limit: limit + 1 }),
      );
      const page = rows.slice(0, limit);
      return {
        campaigns: (await withRetry(() => shown(database.kysely, page))).map(messageOf),
        nextPageToken: rows.length > limit ? pageToken(filter, page.at(-1)!.ordinal) : '',
      };
    },

    async pauseCampaign(request, ctx) {
      const asked = askedOf(request, ctx);
      await pauseCampaign(engagement, asked);
      return changed(asked);
    },

    async resumeCampaign(request, ctx) {
      const asked = askedOf({ ...request, reason: '' }, ctx);
      const { row } = await read(asked.tenantId, asked.campaignId);
      if (row.state === 'paused') {
        const target = await verifiedTarget(engagement, asked.tenantId, row.target_id);
        await verifyAnew(engagement, carriedOn(ctx), target, asked.subject);
      }
      await resumeCampaign(engagement, asked);
      await watchClosely(engagement, row.target_id);
      return changed(asked);
    },

    async cancelCampaign(request, ctx) {
      const asked = askedOf(request, ctx);
      await cancelCampaign(engagement, asked);
      await skipLeftovers(engagement, asked.campaignId);
      return changed(asked);
    },

    async watchCampaign(request, out, ctx) {
      const campaignId = campaignIdOf(request);
      const latest = new Latest(await read(ctx.principal.tenantId, campaignId));
      const leave = board.watch(campaignId, (one) => latest.set(one));
      try {
        await sendChanges(latest, out, ctx, {
          clock,
          intervalMs: WATCH_MS,
          isSame: (sent, now) => contentOf(sent) === contentOf(now),
          messageOf: (one) => ({ campaign: messageOf(one) }),
          isLast: isOver,
        });
      } finally {
        leave();
      }
    },
  };
}

/** What makes it another than the one before. */
function contentOf({ row, counts, firstDue, lastDue, dropped }: ShownCampaign): string {
  return JSON.stringify([row.state, row.state_reason, counts, firstDue, lastDue, dropped.length]);
}

/** It has ended, and so has what was on its way. */
function isOver({ row, counts }: ShownCampaign): boolean {
  return (row.state === 'done' || row.state === 'cancelled') && counts.planned === 0 && counts.running === 0;
}

function campaignIdOf(request: { campaignId: string }): string {
  const faults: FieldViolation[] = [];
  const campaignId = validate.uuid(faults, 'campaign_id', request.campaignId);
  validate.throwIfAny(faults);
  return campaignId;
}

function askedOf(request: { campaignId: string; reason: string }, { principal }: CallContext): Asked {
  const faults: FieldViolation[] = [];
  const campaignId = validate.uuid(faults, 'campaign_id', request.campaignId);
  const reason = validate.text(faults, 'reason', request.reason, { max: LONGEST_REASON });
  validate.throwIfAny(faults);
  return { tenantId: principal.tenantId, campaignId, subject: principal.subject, reason };
}

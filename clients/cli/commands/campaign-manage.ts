import { create } from '@bufbuild/protobuf';
import { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import {
  CancelCampaignResponseSchema,
  EngagementService,
  GetCampaignResponseSchema,
  ListActionsResponseSchema,
  ListCampaignsResponseSchema,
  PauseCampaignResponseSchema,
  ResumeCampaignResponseSchema,
} from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { followCampaign } from '../campaign/follow.ts';
import { findTargetId } from '../campaign/targets.ts';
import { actionStates, actionTable, campaignSheet, campaignStates, campaignTable } from '../campaign/text.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { findAccountId } from '../named-account.ts';
import { gather, limitOption, readLimit, thereAreMore } from '../pages.ts';
import { readEnum, readId } from '../values.ts';

const reasonOption = { type: 'string', value: 'TEXT', doc: 'why, for the record' } as const;

export const campaignList = command({
  name: 'campaign list',
  summary: 'the campaigns, the newest first',
  operands: [],
  options: {
    target: { type: 'string', value: 'TARGET', doc: 'only in this channel' },
    state: { type: 'string', value: 'STATE', doc: [...campaignStates.keys()].join(', ') },
    limit: limitOption,
  },
  examples: ['telegate campaign list --state running'],
  async run({ values, service, out, clock }) {
    const state = readEnum('--state', values.state, campaignStates) ?? 0;
    const limit = readLimit(values.limit);
    const engagement = service(EngagementService);
    const targetId = values.target === undefined ? '' : await findTargetId(engagement, values.target);
    const { found, nextPageToken } = await gather(limit, async (page) => {
      const answer = await engagement.call((client) => client.listCampaigns({ state, targetId, ...page }));
      return { items: answer.campaigns, nextPageToken: answer.nextPageToken };
    });
    const listed = create(ListCampaignsResponseSchema, { campaigns: found, nextPageToken });
    out.answer(ListCampaignsResponseSchema, listed, () =>
      found.length === 0 ? 'No campaigns.' : campaignTable(found, clock.now()),
    );
    if (nextPageToken !== '') out.note(thereAreMore(limit));
    return exitCode.ok;
  },
});

export const campaignGet = command({
  name: 'campaign get',
  summary: 'one campaign',
  operands: ['CAMPAIGN_ID'],
  options: {},
  examples: ['telegate campaign get 0199a2c4-…'],
  async run({ operands, service, out, clock }) {
    const campaignId = operands[0]!;
    const response = await service(EngagementService).call((client) => client.getCampaign({ campaignId }));
    out.answer(GetCampaignResponseSchema, response, () => campaignSheet(response.campaign!, clock.now()));
    return exitCode.ok;
  },
});

export const campaignWatch = command({
  name: 'campaign watch',
  summary: 'shows the progress of a campaign to its end; exit code 1 if an action failed',
  operands: ['CAMPAIGN_ID'],
  options: {},
  examples: ['telegate campaign watch 0199a2c4-…'],
  run: (call) => followCampaign(call, call.service(EngagementService), call.operands[0]!),
});

export const campaignPause = command({
  name: 'campaign pause',
  summary: 'pauses a campaign within a second; actions on their way end',
  operands: ['CAMPAIGN_ID'],
  options: { reason: reasonOption },
  examples: ['telegate campaign pause 0199a2c4-… --reason "the channel is on holiday"'],
  async run({ operands, values, service, out, clock }) {
    const request = { campaignId: operands[0]!, reason: values.reason ?? '' };
    const response = await service(EngagementService).call((client) => client.pauseCampaign(request));
    out.answer(PauseCampaignResponseSchema, response, () => campaignSheet(response.campaign!, clock.now()));
    return exitCode.ok;
  },
});

export const campaignResume = command({
  name: 'campaign resume',
  summary: 'lets a paused campaign go on',
  operands: ['CAMPAIGN_ID'],
  options: {},
  examples: ['telegate campaign resume 0199a2c4-…'],
  async run({ operands, service, out, clock }) {
    const campaignId = operands[0]!;
    const response = await service(EngagementService).call((client) => client.resumeCampaign({ campaignId }));
    out.answer(ResumeCampaignResponseSchema, response, () => campaignSheet(response.campaign!, clock.now()));
    return exitCode.ok;
  },
});

export const campaignCancel = command({
  name: 'campaign cancel',
  summary: 'ends a campaign for good; actions not begun are skipped',
  operands: ['CAMPAIGN_ID'],
  options: { reason: reasonOption },
  examples: ['telegate campaign cancel 0199a2c4-…'],
  async run({ operands, values, service, out, clock }) {
    const request = { campaignId: operands[0]!, reason: values.reason ?? '' };
    const response = await service(EngagementService).call((client) => client.cancelCampaign(request));
    out.answer(CancelCampaignResponseSchema, response, () => campaignSheet(response.campaign!, clock.now()));
    return exitCode.ok;
  },
});

export const campaignActions = command({
  name: 'campaign actions',
  summary: 'what was done and will be, by due time: of a campaign, or of all',
  operands: ['[CAMPAIGN_ID]'],
  options: {
    account: { type: 'string', value: 'ACCOUNT', doc: 'only of this account' },
    state: { type: 'string', value: 'STATE', doc: [...actionStates.keys()].join(', ') },
    post: { type: 'string', value: 'NUMBER', doc: 'only at this post' },
    limit: limitOption,
  },
  examples: ['telegate campaign actions 0199a2c4-… --state failed'],
  async run({ operands, values, service, out, clock }) {
    const filter = {
      campaignId: operands[0] ?? '',
      state: readEnum('--state', values.state, actionStates) ?? 0,
      postId: readId('--post', values.post) ?? 0n,
      accountId:
        values.account === undefined
          ? ''
          : await findAccountId(() => service(AccountAuthService), values.account),
    };
    const limit = readLimit(values.limit);
    const engagement = service(EngagementService);
    const { found, nextPageToken } = await gather(limit, async (page) => {
      const answer = await engagement.call((client) => client.listActions({ ...filter, ...page }));
      return { items: answer.actions, nextPageToken: answer.nextPageToken };
    });
    const listed = create(ListActionsResponseSchema, { actions: found, nextPageToken });
    out.answer(ListActionsResponseSchema, listed, () =>
      found.length === 0 ? 'No actions.' : actionTable(found, clock.now()),
    );
    if (nextPageToken !== '') out.note(thereAreMore(limit));
    return exitCode.ok;
  },
});

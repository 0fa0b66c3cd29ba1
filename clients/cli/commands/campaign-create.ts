import { randomUUID } from 'node:crypto';
import {
  CreateCampaignResponseSchema,
  EngagementService,
  PreviewCampaignResponseSchema,
  type CreateCampaignResponse,
} from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { followCampaign } from '../campaign/follow.ts';
import { actionTable, campaignSheet } from '../campaign/text.ts';
import { readWish, WISH_HELP, wishOptions } from '../campaign/wish.ts';
import { command, type Invocation } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { repeatableBy } from '../retryable.ts';
import { plain } from '../terminal/table.ts';
import { moment } from '../terminal/times.ts';
import { readCount } from '../values.ts';

const LIMIT_MS = 60_000;
const MAX_SAMPLES = 10;

export const campaignPreview = command({
  name: 'campaign preview',
  summary: 'shows what a campaign would do, with sample texts; nothing is done',
  detail: WISH_HELP,
  operands: [],
  options: {
    ...wishOptions,
    samples: { type: 'string', value: 'COUNT', doc: 'sample texts, up to 10 (default: 3)' },
  },
  examples: ['telegate campaign preview --file campaign.yaml'],
  async run(call) {
    const { values, service, out, clock } = call;
    const sampleCount = readCount('--samples', values.samples, { max: MAX_SAMPLES, byDefault: 0 });
    const campaign = await readWish(call);
    const response = await service(EngagementService).call((client) =>
      client.previewCampaign({ campaign, sampleCount }, { deadlineMs: LIMIT_MS }),
    );
    out.answer(PreviewCampaignResponseSchema, response, () => {
      const { actionCount, accountCount, postCount, estimatedEndTime, actions, samples, warnings } = response;
      const now = clock.now();
      const end = estimatedEndTime ? `, done by ${moment(estimatedEndTime, now)}` : '';
      return [
        `${actionCount} actions of ${accountCount} accounts at ${postCount} posts${end}.`,
        ...(actions.length === 0 ? [] : ['', actionTable(actions, now)]),
        ...samples.flatMap((text) => ['', ...text.split('\n').map((line) => `  ${plain(line)}`)]),
        ...(warnings.length === 0 ? [] : ['', ...warnings.map((text) => out.paint('yellow', plain(text)))]),
      ].join('\n');
    });
    return exitCode.ok;
  },
});

const createOptions = {
  ...wishOptions,
  'request-id': { type: 'string', value: 'ID', doc: 'of an earlier attempt, to repeat it' },
} as const;

export const campaignCreate = command({
  name: 'campaign create',
  summary: 'creates a campaign, which begins at its time by itself',
  detail: WISH_HELP,
  operands: [],
  options: createOptions,
  examples: [
    'telegate campaign create --target @news --kind reaction --latest 3 --label team=support --reaction 👍=3 --reaction 🔥',
    'telegate campaign create --file campaign.yaml --start 2h',
  ],
  async run(call) {
    const response = await createCampaign(call);
    call.out.answer(CreateCampaignResponseSchema, response, () =>
      [
        campaignSheet(response.campaign!, call.clock.now()),
        ...response.warnings.map((text) => call.out.paint('yellow', plain(text))),
      ].join('\n'),
    );
    return exitCode.ok;
  },
});

export const campaignRun = command({
  name: 'campaign run',
  summary: 'creates a campaign and shows its progress to the end; exit code 1 if an action failed',
  detail: `${WISH_HELP}\nCtrl-C ends the watching; the campaign goes on.`,
  operands: [],
  options: createOptions,
  examples: ['telegate campaign run --file campaign.yaml'],
  async run(call) {
    const { campaign, warnings } = await createCampaign(call);
    for (const text of warnings) call.out.note(call.out.paint('yellow', plain(text)));
    return await followCampaign(call, call.service(EngagementService), campaign!.campaignId);
  },
});

async function createCampaign(call: Invocation<typeof createOptions>): Promise<CreateCampaignResponse> {
  const { values, service } = call;
  const requestId = values['request-id'] ?? randomUUID();
  const campaign = await readWish(call);
  return await repeatableBy(
    requestId,
    service(EngagementService).call((client) =>
      client.createCampaign({ campaign, requestId }, { deadlineMs: LIMIT_MS }),
    ),
  );
}

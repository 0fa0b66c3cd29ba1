import {
  CampaignKind,
  CampaignState,
  type Campaign,
  type Target,
} from '#gen/telegate/engagement/v1/campaign_pb.ts';
import type { CallOptions } from '#lib/rpc/client-state.ts';
import type { DescribedRoutes } from '../docs/openapi.ts';
import { answer, idempotencyKey, listOfRef, ref } from '../docs/schema.ts';
import { json } from '../http/answer.ts';
import { route, type DescribedRoute } from '../http/described.ts';
import type { Exchange } from '../http/exchange.ts';
import { listOf, oneOf, optional, text, withDefault, type Fields, type Input } from '../http/fields.ts';
import { counted, pageInput } from '../http/pages.ts';
import { pathId } from '../http/path-id.ts';
import { requestIdOf } from '../http/request-id.ts';
import type { MeshClients } from '../mesh.ts';
import { createTask, taskInput } from './campaign.ts';
import { stateNames, STATES, taskJson, taskSchema } from './shapes.ts';

const TAG = 'tasks';
const MOST_TARGETS = 1_000;
/** Telegram is asked who administers the channel, maybe as several accounts. */
const CREATE_MS = 60_000;

const taskId = (exchange: Exchange): string => pathId(exchange, 'task_id', 'Task not found');
const notFound = answer('There is none.', ref('Error'));

const commentInput = {
  ...taskInput,
  tone: withDefault(
    oneOf(['positive', 'neutral', 'critical', 'questioning'], {
      description: 'How the comments sound.',
      example: 'neutral',
    }),
    'neutral',
  ),
  prompt: optional(
    text({ max: 4_000, description: 'What a model is asked for.', example: 'Ask about prices.' }),
  ),
  templates: optional(
    listOf(text({ max: 1_000, description: 'With variants as {one|another}.', example: '{Hi|Hello}!' }), {
      max: 50,
      description: 'Texts in place of a model.',
    }),
  ),
};

const reactionInput = {
  ...taskInput,
  reactions: listOf(text({ max: 32, description: 'An emoji that the channel allows.', example: '👍' }), {
    max: 20,
    description: 'Drawn from these; one that comes twice is drawn twice as often.',
    example: ['👍', '🔥'],
  }),
};

/** Paced, disclosed campaigns in channels that the caller administers. */
export function taskRoutes(mesh: Pick<MeshClients, 'accountAuth' | 'engagement'>): DescribedRoutes {
  const { engagement } = mesh;
  return {
    tags: [
      {
        name: TAG,
        description:
          'Campaigns in channels that one of your accounts administers, at a pace, within the limits of the deployment. Every comment says that it is automated; a view raises no counter.',
      },
    ],
    schemas: { Task: taskSchema },
    routes: [
      creating(mesh, 'comment', commentInput, ({ tone, prompt = '', templates = [] }) => ({
        kind: CampaignKind.COMMENT,
        comments: { tone, prompt, templates },
      })),
      creating(mesh, 'reaction', reactionInput, ({ reactions }) => ({
        kind: CampaignKind.REACTION,
        reactions: weighted(reactions),
      })),
      creating(mesh, 'view', taskInput, () => ({ kind: CampaignKind.VIEW })),
      route({
        method: 'GET',
        path: '/tasks/',
        tag: TAG,
        id: 'listTasks',
        summary: 'Tasks, the newest first',
        input: {
          status: optional(oneOf(stateNames, { description: 'Only these.', example: 'running' })),
          ...pageInput,
        },
        answers: { 200: answer('The tasks.', listOfRef('Task')) },
        async handle({ input, options }) {
          const state = input.status === undefined ? CampaignState.UNSPECIFIED : STATES[input.status];
          const [campaigns, targets] = await Promise.all([
            counted(async (pageSize, pageToken) => {
              const page = await engagement.listCampaigns({ state, pageSize, pageToken }, options);
              return { items: page.campaigns, next: page.nextPageToken };
            }, input),
            targetsOf(engagement, options),
          ]);
          return json(campaigns.map((campaign) => taskJson(campaign, targets.get(campaign.targetId))));
        },
      }),
      route({
        method: 'GET',
        path: '/tasks/{task_id}',
        tag: TAG,
        id: 'getTask',
        summary: 'How a task goes',
        input: {},
        answers: { 200: answer('The task.', ref('Task')), 404: notFound },
        async handle({ exchange, options }) {
          const { campaign } = await engagement.getCampaign({ campaignId: taskId(exchange) }, options);
          return json(await withTarget(engagement, campaign!, options));
        },
      }),
      route({
        method: 'POST',
        path: '/tasks/{task_id}/cancel',
        tag: TAG,
        id: 'cancelTask',
        summary: 'Stop a task for good',
        input: {},
        answers: {
          200: answer('It is cancelled; what is on its way ends.', ref('Task')),
          404: notFound,
          409: answer('It is done already.', ref('Error')),
        },
        async handle({ exchange, options }) {
          const campaignId = taskId(exchange);
          const { campaign } = await engagement.cancelCampaign({ campaignId, reason: 'over HTTP' }, options);
          return json(await withTarget(engagement, campaign!, options));
        },
      }),
    ],
  };
}

function creating<const F extends Fields & typeof taskInput>(
  mesh: Pick<MeshClients, 'accountAuth' | 'engagement'>,
  type: 'comment' | 'reaction' | 'view',
  input: F,
  kindOf: (input: Input<F>) => Parameters<typeof createTask>[2],
): DescribedRoute {
  return route({
    method: 'POST',
    path: `/tasks/${type}`,
    tag: TAG,
    id: `create${type[0]!.toUpperCase()}${type.slice(1)}Task`,
    summary: `A campaign: ${type}s`,
    details: 'The channel is registered and verified on the way.',
    headers: [idempotencyKey],
    timeoutMs: CREATE_MS,
    input,
    answers: {
      201: answer('The task. It begins at once.', ref('Task')),
      403: answer('None of your accounts administers the channel: what to do is said.', ref('Error')),
      404: answer('There is no such channel or account.', ref('Error')),
      409: answer('An account may not act, or all engagement is stopped.', ref('Error')),
    },
    async handle({ input: given, exchange, options }) {
      const { campaign, target } = await createTask(
        mesh,
        given,
        kindOf(given),
        options,
        requestIdOf(exchange),
      );
      return { status: 201, body: taskJson(campaign, target) };
    },
  });
}

function weighted(reactions: readonly string[]): { emoji: string; weight: number }[] {
  const weights = new Map<string, number>();
  for (const emoji of reactions) weights.set(emoji, (weights.get(emoji) ?? 0) + 1);
  return [...weights].map(([emoji, weight]) => ({ emoji, weight }));
}

async function withTarget(engagement: MeshClients['engagement'], campaign: Campaign, options: CallOptions) {
  return taskJson(campaign, (await targetsOf(engagement, options)).get(campaign.targetId));
}

async function targetsOf(
  engagement: MeshClients['engagement'],
  options: CallOptions,
): Promise<ReadonlyMap<string, Target>> {
  const { targets } = await engagement.listTargets({ pageSize: MOST_TARGETS }, options);
  return new Map(targets.map((target) => [target.targetId, target]));
}

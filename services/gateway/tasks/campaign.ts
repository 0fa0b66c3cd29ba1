import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { CampaignSchema, Target } from '#gen/telegate/engagement/v1/campaign_pb.ts';
import type { CallOptions } from '#lib/rpc/client-state.ts';
import { detail, Refusal } from '../http/answer.ts';
import { decimal, listOf, optional, textOrNumber, whole, withDefault, type Input } from '../http/fields.ts';
import { receiverPeer } from '../messages/peers.ts';
import type { MeshClients } from '../mesh.ts';
import { allProfiles, isUsable, profileOf } from '../profiles/find.ts';

type Mesh = Pick<MeshClients, 'accountAuth' | 'engagement'>;

const MOST_ACCOUNTS = 1_000;
const ASKED_AT_ONCE = 8;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** What all kinds of tasks have. */
export const taskInput = {
  channel: textOrNumber({ description: 'A channel that you administer.', example: '@my_channel' }),
  post_ids: optional(
    listOf(whole({ min: 1, max: 2_147_483_647, description: 'A post.', example: 12 }), {
      max: 500,
      description: 'These posts; or send latest.',
      example: [12, 13],
    }),
  ),
  latest: optional(whole({ min: 1, max: 500, description: 'The newest so many.', example: 3 })),
  accounts: optional(
    listOf(textOrNumber({ description: 'An id or a phone.', example: '+15550000001' }), {
      max: MOST_ACCOUNTS,
      description: 'Who acts, by id or phone; or send count.',
      example: ['+15550000001'],
    }),
  ),
  count: optional(
    whole({ min: 1, max: MOST_ACCOUNTS, description: 'So many of your accounts; none: all.', example: 3 }),
  ),
  interval: optional(
    decimal({
      min: 0,
      max: 604_800,
      description: "Seconds between an account's actions; none: the deployment's least, 60.",
      example: 90,
    }),
  ),
  variation: withDefault(
    decimal({ min: 0, max: 0.9, description: 'Random share of the interval, either way.', example: 0.2 }),
    0.2,
  ),
};

export type TaskInput = Input<typeof taskInput>;

type NewCampaign = MessageInitShape<typeof CampaignSchema>;

/** The channel is registered and verified, the accounts are found, and then it is a campaign like any other. */
export async function createTask(
  mesh: Mesh,
  input: TaskInput,
  kind: Pick<NewCampaign, 'kind' | 'comments' | 'reactions'>,
  options: CallOptions,
  requestId: string,
) {
  if ((input.post_ids === undefined) === (input.latest === undefined))
    throw new Refusal(
      detail(422, [
        { loc: ['body', 'post_ids'], msg: 'Send either post_ids or latest', type: 'value_error' },
      ]),
    );
  const { target } = await mesh.engagement.registerTarget(
    { channel: receiverPeer(input.channel, '') },
    options,
  );
  const { campaign } = await mesh.engagement.createCampaign(
    {
      campaign: {
        ...kind,
        targetId: target!.targetId,
        posts: { postIds: (input.post_ids ?? []).map(BigInt), latest: input.latest ?? 0 },
        accounts: await selection(mesh, input, options),
        pace: {
          variation: input.variation,
          ...(input.interval === undefined ? {} : { interval: durationFromMs(input.interval * 1_000) }),
        },
      },
      requestId,
    },
    options,
  );
  return { campaign: campaign!, target: target as Target };
}

async function selection(mesh: Mesh, { accounts, count = 0 }: TaskInput, options: CallOptions) {
  if (accounts !== undefined) return { accountIds: await idsOf(mesh, accounts, options), maxCount: count };
  const able = (await allProfiles(mesh.accountAuth, options)).filter(
    (account) => isUsable(account) && account.loginTime !== undefined,
  );
  const accountIds = able.slice(0, count || MOST_ACCOUNTS).map(({ accountId }) => accountId);
  if (accountIds.length === 0)
    throw new Refusal(
      detail(422, [
        {
          loc: ['body', 'accounts'],
          msg: 'None of your accounts can act: log one in by POST /profiles/start',
          type: 'value_error',
        },
      ]),
    );
  return { accountIds, maxCount: count };
}

async function idsOf(
  { accountAuth }: Mesh,
  accounts: readonly string[],
  options: CallOptions,
): Promise<string[]> {
  const ids: string[] = [];
  for (let start = 0; start < accounts.length; start += ASKED_AT_ONCE)
    ids.push(
      ...(await Promise.all(
        accounts
          .slice(start, start + ASKED_AT_ONCE)
          .map(async (one) =>
            UUID.test(one) ? one : (await profileOf(accountAuth, one, options)).accountId,
          ),
      )),
    );
  return ids;
}

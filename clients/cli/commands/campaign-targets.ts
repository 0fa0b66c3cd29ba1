import { create } from '@bufbuild/protobuf';
import { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { TargetState } from '#gen/telegate/engagement/v1/campaign_pb.ts';
import {
  EngagementService,
  ListTargetsResponseSchema,
  RegisterTargetResponseSchema,
  VerifyTargetResponseSchema,
} from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { findTargetId } from '../campaign/targets.ts';
import { targetStates, targetTable } from '../campaign/text.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { findAccountId } from '../named-account.ts';
import { gather, limitOption, readLimit, thereAreMore } from '../pages.ts';
import { readEnum } from '../values.ts';

const LIMIT_MS = 60_000;

export const campaignTargetsRegister = command({
  name: 'campaign targets register',
  summary: 'registers a channel that one of your accounts administers; Telegram is asked',
  operands: ['CHANNEL'],
  options: {
    account: {
      type: 'string',
      value: 'ACCOUNT',
      doc: 'the account to verify with (default: any that administers it)',
    },
  },
  examples: ['telegate campaign targets register @news'],
  async run({ operands, values, service, out, clock }) {
    const accountId =
      values.account === undefined
        ? ''
        : await findAccountId(() => service(AccountAuthService), values.account);
    const request = { channel: operands[0]!, accountId };
    const response = await service(EngagementService).call((client) =>
      client.registerTarget(request, { deadlineMs: LIMIT_MS }),
    );
    out.answer(RegisterTargetResponseSchema, response, () => targetTable([response.target!], clock.now()));
    return exitCode.ok;
  },
});

export const campaignTargetsVerify = command({
  name: 'campaign targets verify',
  summary: 'asks Telegram again; exit code 1 if the channel has lapsed, whose campaigns then pause',
  operands: ['TARGET'],
  options: {},
  examples: ['telegate campaign targets verify @news'],
  async run({ operands, service, out, clock }) {
    const engagement = service(EngagementService);
    const targetId = await findTargetId(engagement, operands[0]!);
    const response = await engagement.call((client) =>
      client.verifyTarget({ targetId }, { deadlineMs: LIMIT_MS }),
    );
    out.answer(VerifyTargetResponseSchema, response, () => targetTable([response.target!], clock.now()));
    return response.target?.state === TargetState.VERIFIED ? exitCode.ok : exitCode.refused;
  },
});

export const campaignTargetsList = command({
  name: 'campaign targets list',
  summary: 'the channels in which campaigns may run',
  operands: [],
  options: {
    state: { type: 'string', value: 'STATE', doc: [...targetStates.keys()].join(', ') },
    limit: limitOption,
  },
  examples: ['telegate campaign targets list'],
  async run({ values, service, out, clock }) {
    const state = readEnum('--state', values.state, targetStates) ?? 0;
    const limit = readLimit(values.limit);
    const engagement = service(EngagementService);
    const { found, nextPageToken } = await gather(limit, async (page) => {
      const answer = await engagement.call((client) => client.listTargets({ state, ...page }));
      return { items: answer.targets, nextPageToken: answer.nextPageToken };
    });
    const listed = create(ListTargetsResponseSchema, { targets: found, nextPageToken });
    out.answer(ListTargetsResponseSchema, listed, () =>
      found.length === 0 ? 'No targets.' : targetTable(found, clock.now()),
    );
    if (nextPageToken !== '') out.note(thereAreMore(limit));
    return exitCode.ok;
  },
});

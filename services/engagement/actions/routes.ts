import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  ActionState as ActionStateMessage,
  CampaignKind,
  type ActionSchema,
} from '#gen/telegate/engagement/v1/campaign_pb.ts';
import type { EngagementService } from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { withRetry } from '#lib/postgres/transaction.ts';
import { readTextPageToken, textPageToken } from '#lib/requests/page-token.ts';
import * as validate from '#lib/requests/validate.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import type { Engagement } from '../engagement.ts';
import type { ActionKind, ActionState } from '../model.ts';
import { listActions, type ActionRow, type After } from './list.ts';

export type ActionHandlers = Pick<Handlers<typeof EngagementService>, 'listActions'>;

const KINDS: Readonly<Record<ActionKind, CampaignKind>> = {
  comment: CampaignKind.COMMENT,
  reaction: CampaignKind.REACTION,
  view: CampaignKind.VIEW,
};

const STATES: Readonly<Record<ActionState, ActionStateMessage>> = {
  planned: ActionStateMessage.PLANNED,
  running: ActionStateMessage.RUNNING,
  done: ActionStateMessage.DONE,
  failed: ActionStateMessage.FAILED,
  skipped: ActionStateMessage.SKIPPED,
};

const MAX_PAGE = 1_000;
const DEFAULT_PAGE = 100;
const LARGEST_POST_ID = 2n ** 31n - 1n;

export function actionRoutes({ database }: Pick<Engagement, 'database'>): ActionHandlers {
  return {
    async listActions(request, { principal: { tenantId } }) {
      const violations: FieldViolation[] = [];
      const { campaignId, accountId, postId, pageToken } = request;
      const filter = {
        tenantId,
        campaignId: optionalUuid(violations, 'campaign_id', campaignId),
        accountId: optionalUuid(violations, 'account_id', accountId),
        state: readState(violations, request.state),
        postId: readPostId(violations, postId),
      };
      const described = ['ListActions', tenantId, campaignId, accountId, request.state, String(postId)];
      const limit = readPageSize(violations, request.pageSize);
      const token = readTextPageToken(violations, 'page_token', pageToken, described);
      validate.throwIfAny(violations);
      const rows = await withRetry(() => listActions(database.kysely, filter, readAfter(token), limit + 1));
      const page = rows.slice(0, limit);
      const last = rows.length > limit ? page.at(-1) : undefined;
      return {
        actions: page.map(actionMessage),
        nextPageToken:
          last === undefined ? '' : textPageToken(described, `${last.due_micros} ${last.ordinal}`),
      };
    },
  };
}

function optionalUuid(violations: FieldViolation[], field: string, value: string): string | undefined {
  return value === '' ? undefined : validate.uuid(violations, field, value);
}

function readState(violations: FieldViolation[], state: ActionStateMessage): ActionState | undefined {
  if (state === ActionStateMessage.UNSPECIFIED) return undefined;
  const found = Object.entries(STATES).find(([, number]) => number === state)?.[0];
  if (found === undefined)
    violations.push({
      field: 'state',
      description: 'is not known; send one of ActionState, or none for any',
    });
  return found as ActionState | undefined;
}

function readPostId(violations: FieldViolation[], postId: bigint): bigint | undefined {
  if (postId < 0n || postId > LARGEST_POST_ID)
    violations.push({ field: 'post_id', description: 'is no number of a post; send 0 for all' });
  return postId === 0n ? undefined : postId;
}

function readPageSize(violations: FieldViolation[], size: number): number {
  if (size < 0 || size > MAX_PAGE)
    violations.push({
      field: 'page_size',
      description: `must be 1 to ${MAX_PAGE}, or 0 for ${DEFAULT_PAGE}`,
    });
  return size === 0 ? DEFAULT_PAGE : size;
}

function readAfter(token: string | undefined): After | undefined {
  if (token === undefined) return undefined;
  const [dueMicros = '0', ordinal = '0'] = token.split(' ');
  return { dueMicros, ordinal };
}

export function actionMessage(row: ActionRow): MessageInitShape<typeof ActionSchema> {
  return {
    actionId: row.action_id,
    campaignId: row.campaign_id,
    targetId: row.target_id,
    accountId: row.account_id,
    postId: row.post_id,
    kind: KINDS[row.kind],
    state: STATES[row.state],
    reason: row.reason,
    attempts: row.attempts,
    content: row.content,
    messageId: row.message_id,
    dueTime: timestampFromDate(row.due_time),
    ...(row.start_time ? { startTime: timestampFromDate(row.start_time) } : {}),
    ...(row.end_time ? { endTime: timestampFromDate(row.end_time) } : {}),
    traceId: row.trace_id,
  };
}

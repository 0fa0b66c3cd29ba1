import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { TargetState, type TargetSchema } from '#gen/telegate/engagement/v1/campaign_pb.ts';
import type { EngagementService } from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { withRetry } from '#lib/postgres/transaction.ts';
import { pageToken, readPageToken } from '#lib/requests/page-token.ts';
import { oneOf, pageSize, text, throwIfAny, uuid } from '#lib/requests/validate.ts';
import { NotFound, type FieldViolation } from '#lib/rpc/errors.ts';
import type { CallContext, Handlers } from '#lib/rpc/implement.ts';
import { carriedOn, type Engagement, type Parent } from '../engagement.ts';
import { TargetNotVerified } from '../errors.ts';
import { channelWanted } from './model.ts';
import { findTarget, keepFinding, keepVerified, listTargets, type TargetRow } from './store.ts';
import { accountsToAsk, findAdministrator, MOST_ASKED, verifyKnown, type Finding } from './verify.ts';

export type TargetHandlers = Pick<
  Handlers<typeof EngagementService>,
  'registerTarget' | 'verifyTarget' | 'listTargets'
>;

const LONGEST_CHANNEL = 256;
const STATES = [TargetState.UNSPECIFIED, TargetState.VERIFIED, TargetState.LAPSED] as const;

export function targetRoutes(engagement: Engagement): TargetHandlers {
  const { database, wakeRelay } = engagement;
  return {
    async registerTarget(request, ctx) {
      const violations: FieldViolation[] = [];
      text(violations, 'channel', request.channel, { min: 1, max: LONGEST_CHANNEL });
      const accountId = request.accountId === '' ? '' : uuid(violations, 'account_id', request.accountId);
      throwIfAny(violations);
      const { tenantId, subject } = ctx.principal;
      const name = channelWanted(request.channel);
      const found = await findAmong(engagement, carriedOn(ctx), name, accountId);
      const row = await keepVerified(engagement, tenantId, subject, found);
      wakeRelay();
      return { target: targetMessage(row) };
    },

    async verifyTarget(request, ctx) {
      const violations: FieldViolation[] = [];
      const targetId = uuid(violations, 'target_id', request.targetId);
      throwIfAny(violations);
      return { target: targetMessage(await verifyNow(engagement, ctx, targetId)) };
    },

    async listTargets(request, { principal: { tenantId } }) {
      const violations: FieldViolation[] = [];
      const filter = ['ListTargets', tenantId, request.state];
      oneOf(violations, 'state', request.state, STATES, 'send a state of a target, or none for any');
      const limit = pageSize(violations, 'page_size', request.pageSize);
      const after = readPageToken(violations, 'page_token', request.pageToken, filter);
      throwIfAny(violations);
      const state = STATE_NAMES[request.state];
      const rows = await withRetry(() =>
        listTargets(database.kysely, {
          tenantId,
          after,
          limit: limit + 1,
          ...(state === undefined ? {} : { state }),
        }),
      );
      const page = rows.slice(0, limit);
      return {
        targets: page.map(targetMessage),
        nextPageToken: rows.length > limit ? pageToken(filter, page.at(-1)!.ordinal) : '',
      };
    },
  };
}

const STATE_NAMES: Readonly<Record<TargetState, 'verified' | 'lapsed' | undefined>> = {
  [TargetState.UNSPECIFIED]: undefined,
  [TargetState.VERIFIED]: 'verified',
  [TargetState.LAPSED]: 'lapsed',
};

/** Asks the account that is named, or the tenant's in turn. */
async function findAmong(
  engagement: Engagement,
  parent: Parent,
  name: string,
  accountId: string,
): Promise<Finding & { kind: 'verified' }> {
  // Whether the account is the tenant's; whoever else's it is, it is not there.
  if (accountId !== '')
    await engagement.accounts.getAccount({ key: { case: 'accountId', value: accountId } }, { parent });
  const asked = accountId === '' ? await accountsToAsk(engagement, parent) : [accountId];
  const found = await findAdministrator(engagement, parent, asked, { name });
  if (found.kind === 'verified') return found;
  if (found.kind === 'unknown') throw found.error;
  const hint =
    asked.length === MOST_ASKED
      ? ` Only ${MOST_ASKED} accounts are asked: name the one that administers it (account_id).`
      : '';
  throw new TargetNotVerified(
    name,
    `No account of the tenant is known to administer ${name} (${found.why}). Make one its administrator with the ` +
      `right to post, or log in the account that is, and register it again.${hint}`,
  );
}

/** Asks Telegram, and notes what it said; throws where nobody could be asked. */
export async function verifyNow(
  engagement: Engagement,
  ctx: CallContext,
  targetId: string,
): Promise<TargetRow> {
  const { tenantId, subject } = ctx.principal;
  const target = await withRetry(() => findTarget(engagement.database.kysely, tenantId, targetId));
  if (!target) throw new NotFound('target', targetId);
  const finding = await verifyKnown(engagement, carriedOn(ctx), target);
  const row = await keepFinding(engagement, targetId, subject, finding);
  engagement.wakeRelay();
  if (finding.kind === 'unknown') throw finding.error;
  return row;
}

export function targetMessage(row: TargetRow): MessageInitShape<typeof TargetSchema> {
  return {
    targetId: row.target_id,
    channel: row.channel,
    title: row.title,
    username: row.username,
    state: row.state === 'verified' ? TargetState.VERIFIED : TargetState.LAPSED,
    stateReason: row.state_reason,
    adminAccountId: row.admin_account_id,
    verifyTime: timestampFromDate(row.verify_time),
    createTime: timestampFromDate(row.create_time),
    linkedGroup: row.linked_group,
    allowedReactions: [...row.allowed_reactions],
    allReactions: row.all_reactions,
  };
}

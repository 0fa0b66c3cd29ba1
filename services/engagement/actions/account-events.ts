import { fromBinary } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { EventSchema, type Event } from '#gen/telegate/events/v1/events_pb.ts';
import type { Consumer, EventBus } from '#lib/events/bus.ts';
import { handleOnce } from '#lib/events/consumer.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import type { Engagement } from '../engagement.ts';
import type { EngagementTransaction } from '../tables.ts';
import { dropAccount } from './end.ts';
import { goneReason } from './model.ts';

const DURABLE = 'engagement-actors';

const SUBJECTS = [
  'telegate.v1.account_auth.*.account_logged_out',
  'telegate.v1.account_auth.*.account_needs_login',
  'telegate.v1.account_auth.*.account_frozen',
  'telegate.v1.account_auth.*.account_banned',
  'telegate.v1.account_auth.*.account_deleted',
  // Messaging may hold a session for minutes after its owner paused it.
  'telegate.v1.session_pool.*.session_updated',
];

/** An account that can not act any more, or is not to, leaves its campaigns before its next action comes up. */
export function consumeActors(
  { database, wakeRelay }: Pick<Engagement, 'database' | 'wakeRelay'>,
  bus: EventBus,
): Promise<Consumer> {
  return bus.consume({
    durable: DURABLE,
    subjects: SUBJECTS,
    async handle(event) {
      await transaction(database, (trx) =>
        handleOnce(trx, DURABLE, event, async (within) => {
          const decoded = fromBinary(EventSchema, event.payload);
          const actor = goneOf(decoded);
          if (actor) await dropEverywhere(within, decoded.tenantId, actor);
        }),
      );
      wakeRelay();
    },
  });
}

interface Gone {
  readonly accountId: string;
  readonly reason: string;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function gone({ accountId }: { accountId: string }, state: string): Gone | undefined {
  // An event that can not be applied would come back for ever.
  return UUID.test(accountId) ? { accountId, reason: goneReason(state) } : undefined;
}

export function goneOf({ payload }: Pick<Event, 'payload'>): Gone | undefined {
  switch (payload.case) {
    case 'accountLoggedOut':
      return gone(payload.value, 'logged_out');
    case 'accountNeedsLogin':
      return gone(payload.value, 'needs_login');
    case 'accountFrozen':
      return gone(payload.value, 'frozen');
    case 'accountBanned':
      return gone(payload.value, 'banned');
    case 'accountDeleted':
      return gone(payload.value, 'deleted');
    case 'sessionUpdated':
      return payload.value.paused ? gone(payload.value, 'paused') : undefined;
    default:
      return undefined;
  }
}

/** From every campaign that has not ended. What is under way ends by itself. */
export async function dropEverywhere(
  trx: EngagementTransaction,
  tenantId: string,
  { accountId, reason }: Gone,
): Promise<void> {
  const { rows } = await sql<{ campaign_id: string; target_id: string }>`
    select campaign_id, target_id from campaign_accounts join campaigns using (campaign_id)
    where account_id = ${accountId} and drop_reason = '' and tenant_id = ${tenantId}
      and state in ('scheduled', 'running', 'paused')
    order by campaign_id`.execute(trx);
  if (rows.length === 0) return;
  // As whatever begins or ends an action of the account does first.
  await sql`select account_id from account_turns where account_id = ${accountId} for update`.execute(trx);
  for (const { campaign_id: campaignId, target_id: targetId } of rows)
    await dropAccount(trx, { tenantId, campaignId, targetId, accountId }, reason);
}

import { fromBinary } from '@bufbuild/protobuf';
import { EventSchema } from '#gen/telegate/events/v1/events_pb.ts';
import type { Consumer, EventBus } from '#lib/events/bus.ts';
import { handleOnce } from '#lib/events/consumer.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import type { EngagementDatabase } from '../tables.ts';
import { verifySoon } from './store.ts';

const DURABLE = 'engagement-administrators';

const SUBJECTS = [
  'account_logged_out',
  'account_needs_login',
  'account_frozen',
  'account_banned',
  'account_deleted',
].map((event) => `telegate.v1.account_auth.*.${event}`);

/** What an account that is gone administered is looked at again at once. */
export function consumeAccounts(database: EngagementDatabase, bus: EventBus): Promise<Consumer> {
  return bus.consume({
    durable: DURABLE,
    subjects: SUBJECTS,
    async handle(event) {
      await transaction(database, (trx) =>
        handleOnce(trx, DURABLE, event, async (within) => {
          const { payload } = fromBinary(EventSchema, event.payload);
          const value = payload.value as { accountId?: string } | undefined;
          const accountId = value?.accountId ?? '';
          // An event that can not be applied would come back for ever.
          if (UUID.test(accountId)) await verifySoon(within, accountId);
        }),
      );
    },
  });
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

import { fromBinary } from '@bufbuild/protobuf';
import { EventSchema } from '#gen/telegate/events/v1/events_pb.ts';
import type { BusEvent, Consumer, EventBus } from '#lib/events/bus.ts';
import { handleOnce } from '#lib/events/consumer.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { enterSession, leaveAccount, leaveSession, linkAccount } from './assignments/enter.ts';
import type { Registry } from './registry.ts';
import type { RegistryTransaction } from './tables.ts';

export const SESSIONS_DURABLE = 'proxy-registry-sessions';

const SUBJECTS = [
  ...['session_added', 'session_updated', 'session_removed'].map(
    (event) => `telegate.v1.session_pool.*.${event}`,
  ),
  'telegate.v1.account_auth.*.account_deleted',
];

/**
 * Sessions that enter the pool get their proxy; those that leave it, and accounts that are deleted, give theirs up. Whoever dials before an event
 * has come asks ResolveEgress, which does the same.
 */
export function consumeSessions(registry: Registry, bus: EventBus): Promise<Consumer> {
  return bus.consume({
    durable: SESSIONS_DURABLE,
    subjects: SUBJECTS,
    async handle(event) {
      await transaction(registry.database, (trx) =>
        handleOnce(trx, SESSIONS_DURABLE, event, (within, { tenantId, payload }) =>
          applySession(registry, within, tenantId, payload),
        ),
      );
    },
  });
}

async function applySession(
  registry: Registry,
  trx: RegistryTransaction,
  tenantId: string,
  bytes: BusEvent['payload'],
): Promise<void> {
  const { payload } = fromBinary(EventSchema, bytes);
  if (payload.case === 'sessionAdded') {
    const { sessionId, accountId } = payload.value;
    await enterSession(trx, registry, { tenantId, sessionId, accountId: knownAccount(accountId) });
  } else if (payload.case === 'sessionUpdated') {
    const { sessionId } = payload.value;
    const accountId = knownAccount(payload.value.accountId);
    if (accountId !== null) await linkAccount(trx, registry, { tenantId, sessionId, accountId });
  } else if (payload.case === 'sessionRemoved')
    await leaveSession(trx, registry, { tenantId, sessionId: payload.value.sessionId });
  else if (payload.case === 'accountDeleted') {
    const accountId = knownAccount(payload.value.accountId);
    if (accountId !== null) await leaveAccount(trx, registry, { tenantId, accountId });
  }
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** What is no account's id is none: an event that can not be applied would come back for ever. */
function knownAccount(accountId: string): string | null {
  return UUID.test(accountId) ? accountId.toLowerCase() : null;
}

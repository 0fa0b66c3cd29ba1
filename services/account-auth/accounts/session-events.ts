import { randomUUIDv7 } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import {
  EventSchema,
  type Event,
  type SessionAdded,
  type SessionInvalidated,
  type SessionUpdated,
} from '#gen/telegate/events/v1/events_pb.ts';
import type { Consumer, EventBus } from '#lib/events/bus.ts';
import { handleOnce } from '#lib/events/consumer.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { canonicalText } from '#lib/requests/canonical.ts';
import type { AccountAuthTransaction } from '../tables.ts';
import type { Accounts } from './accounts.ts';
import { isOnlyItsSession, type AccountRow, type StateName } from './model.ts';
import { becomeLoggedOut, changeState } from './state.ts';
import { deleteRow, insertAccount, lockAccount, takeTurn } from './store.ts';

export const DURABLE = 'account-auth-sessions';

const SUBJECTS = [
  'telegate.v1.session_pool.*.session_added',
  'telegate.v1.session_pool.*.session_removed',
  'telegate.v1.session_pool.*.session_invalidated',
  'telegate.v1.session_pool.*.session_restored',
  'telegate.v1.session_pool.*.session_updated',
  'telegate.v1.messaging.*.session_limited',
];

/** As SessionAdded.source says it. */
const LOGIN_SOURCE = 'login';

/** Keeps the accounts true to what happens to their sessions. */
export function consumeSessionEvents(accounts: Accounts, bus: EventBus): Promise<Consumer> {
  return bus.consume({
    durable: DURABLE,
    subjects: SUBJECTS,
    async handle(event) {
      await transaction(accounts.database, (trx) =>
        handleOnce(trx, DURABLE, event, (within, { payload }) =>
          applyEvent(within, fromBinary(EventSchema, payload)),
        ),
      );
      accounts.wakeRelay();
      accounts.wakeSettling();
    },
  });
}

async function applyEvent(trx: AccountAuthTransaction, event: Event): Promise<void> {
  const { tenantId, payload } = event;
  if (payload.case === undefined) return;
  // A session that enters or leaves changes what is unique in the tenant.
  if (payload.case === 'sessionAdded' || payload.case === 'sessionRemoved') await takeTurn(trx, tenantId);
  if (!('sessionId' in payload.value)) return;
  const row = await lockAccount(trx, tenantId, { sessionId: payload.value.sessionId });
  const at = event.occurTime ? timestampDate(event.occurTime) : new Date(0);
  switch (payload.case) {
    case 'sessionAdded':
      return entered(trx, tenantId, payload.value, row, at);
    case 'sessionRemoved':
      return row && left(trx, row, at);
    case 'sessionInvalidated':
      return row && invalidated(trx, row, payload.value, at);
    case 'sessionRestored':
      return row && restored(trx, row, at);
    case 'sessionUpdated':
      return row && copied(trx, row, payload.value);
    case 'sessionLimited':
      return row && limited(trx, row, payload.value.telegramError, at);
    default:
      // A subject that is not asked for.
      return;
  }
}

/** It gets the account that it came for; else one of its own, of which nothing but the session is known. */
async function entered(
  trx: AccountAuthTransaction,
  tenantId: string,
  session: SessionAdded,
  known: AccountRow | undefined,
  at: Date,
): Promise<void> {
  const { labels } = session;
  if (known) return copied(trx, known, { ...session, paused: known.paused, revision: 1n });
  const row =
    (session.accountId === ''
      ? undefined
      : await lockAccount(trx, tenantId, { accountId: session.accountId })) ??
    (await insertAccount(trx, {
      accountId: await freeId(trx, session.accountId),
      tenantId,
      name: session.name,
      phone: '',
      paused: false,
      labels,
      environment: session.environment,
      allowDirect: false,
    }));
  // What the owner wanted before there was a session is still to be told to the pool.
  const wanted = { ...row.labels, ...labels };
  const isOriginal = canonicalText(wanted) !== canonicalText(labels);
  const { rows } = await sql<AccountRow>`
    update accounts set session_id = ${session.sessionId}, labels = ${JSON.stringify(wanted)}::jsonb,
      session_revision = ${isOriginal ? 0n : 1n},
      untied = ${isOriginal || row.paused || row.account_id !== session.accountId},
      environment = ${session.environment}, logging_out = false, revision = revision + 1,
      -- The login that it tells of made the session that it has, or none.
      login_time = case when ${session.source === LOGIN_SOURCE} then login_time end
    where account_id = ${row.account_id}::uuid
    returning *`.execute(trx);
  await changeState(trx, rows[0]!, { state: 'authorised', reason: '', time: at });
}

/** The id that came with the session, unless it is none or another tenant's. */
async function freeId(trx: AccountAuthTransaction, wanted: string): Promise<string> {
  if (wanted === '') return randomUUIDv7();
  const { rows } = await sql`select from accounts where account_id = ${wanted}::uuid`.execute(trx);
  return rows.length === 0 ? wanted : randomUUIDv7();
}

async function left(trx: AccountAuthTransaction, row: AccountRow, at: Date): Promise<void> {
  if (row.logging_out) {
    await becomeLoggedOut(trx, row);
    return;
  }
  if (isOnlyItsSession(row)) return deleteRow(trx, row.account_id);
  const { rows } = await sql<AccountRow>`
    update accounts set session_id = null, session_revision = 0, untied = false, revision = revision + 1
    where account_id = ${row.account_id}::uuid
    returning *`.execute(trx);
  // A ban outlasts the session.
  if (row.state === 'banned') return;
  await changeState(trx, rows[0]!, { state: 'needs_login', reason: 'its session left the pool', time: at });
}

const STATE_OF: Readonly<Record<string, StateName | undefined>> = {
  needs_login: 'needs_login',
  frozen: 'frozen',
  banned: 'banned',
};

async function invalidated(
  trx: AccountAuthTransaction,
  row: AccountRow,
  { condition, reason }: SessionInvalidated,
  at: Date,
): Promise<void> {
  const state = STATE_OF[condition];
  // Taken out by hand: that says nothing of what Telegram makes of the account.
  if (state === undefined) return;
  // Of a key that Telegram was asked to forget this is no news.
  if (row.logging_out && state === 'needs_login') return;
  await changeState(trx, row, { state, reason, time: at });
}

async function restored(trx: AccountAuthTransaction, row: AccountRow, at: Date): Promise<void> {
  // A limit is not the session's: the end of a quarantine says nothing of it.
  if (row.state === 'limited' || row.state === 'authorised') return;
  await changeState(trx, row, { state: 'authorised', reason: '', time: at });
}

async function limited(
  trx: AccountAuthTransaction,
  row: AccountRow,
  telegramError: string,
  at: Date,
): Promise<void> {
  if (row.state !== 'authorised' && row.state !== 'limited') return;
  await changeState(trx, row, { state: 'limited', reason: telegramError, time: at });
}

/** Unless the row has what the pool is still to be told. */
async function copied(
  trx: AccountAuthTransaction,
  row: AccountRow,
  { labels, paused, revision }: Pick<SessionUpdated, 'labels' | 'paused' | 'revision'>,
): Promise<void> {
  await sql`
    update accounts set labels = ${JSON.stringify(labels)}::jsonb, paused = ${paused},
      session_revision = ${revision},
      revision = revision + case when labels = ${JSON.stringify(labels)}::jsonb and paused = ${paused} then 0 else 1 end
    where account_id = ${row.account_id}::uuid and not untied and session_revision < ${revision}`.execute(
    trx,
  );
}

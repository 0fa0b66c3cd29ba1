import { sql } from 'kysely';
import { transaction } from '#lib/postgres/transaction.ts';
import { canonicalText } from '#lib/requests/canonical.ts';
import { AlreadyExists, EtagMismatch, NotFound } from '#lib/rpc/errors.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import type { AccountAuthTransaction } from '../tables.ts';
import { asCaller, type Accounts } from './accounts.ts';
import { etagOf, type AccountRow } from './model.ts';
import type { AccountChange } from './requests.ts';
import { findAccount, lockAccount, takeTurn } from './store.ts';

/**
 * All or none. What lives on the session is changed there first, while the account's own changes wait uncommitted:
 * a refusal there leaves both as they were. A process that dies in between leaves the session changed, and the event
 * of that brings the account's copy after it.
 */
export async function updateAccount(
  accounts: Accounts,
  change: AccountChange,
  ctx: CallContext,
): Promise<AccountRow> {
  const { tenantId } = ctx.principal;
  const { accountId, etag, phone } = change;
  const row = await transaction(accounts.database, async (trx) => {
    if (phone !== undefined) await takeTurn(trx, tenantId);
    const before = await lockAccount(trx, tenantId, { accountId });
    if (!before) throw new NotFound('account', accountId);
    if (etag !== '' && etag !== etagOf(before)) throw new EtagMismatch('account', accountId);
    if (phone !== undefined) await refuseTaken(trx, tenantId, accountId, phone);
    const after = changed(before, change);
    if (isSame(before, after)) return before;
    const isOfSession = change.labels !== undefined || change.paused !== undefined;
    const revision =
      isOfSession && before.session_id !== null
        ? await changeSession(accounts, before.session_id, change, ctx)
        : before.session_revision;
    const { rows } = await sql<AccountRow>`
      update accounts set name = ${after.name}, phone = ${after.phone}, paused = ${after.paused},
        labels = ${JSON.stringify(after.labels)}::jsonb, allow_direct = ${after.allow_direct},
        direct_untold = direct_untold or ${after.allow_direct !== before.allow_direct},
        session_revision = greatest(session_revision, ${revision}), revision = revision + 1
      where account_id = ${accountId}::uuid
      returning *`.execute(trx);
    return rows[0]!;
  });
  if (row.direct_untold) accounts.wakeSettling();
  return row;
}

async function refuseTaken(
  trx: AccountAuthTransaction,
  tenantId: string,
  accountId: string,
  phone: string,
): Promise<void> {
  const other = await findAccount(trx, tenantId, { phone });
  if (other && other.account_id !== accountId) throw new AlreadyExists('account', phone);
}

function changed(before: AccountRow, change: AccountChange): AccountRow {
  return {
    ...before,
    name: change.name ?? before.name,
    phone: change.phone ?? before.phone,
    paused: change.paused ?? before.paused,
    labels: change.labels ?? before.labels,
    allow_direct: change.allowDirect ?? before.allow_direct,
  };
}

function isSame(a: AccountRow, b: AccountRow): boolean {
  return (
    a.name === b.name &&
    a.phone === b.phone &&
    a.paused === b.paused &&
    a.allow_direct === b.allow_direct &&
    canonicalText(a.labels) === canonicalText(b.labels)
  );
}

/** The session's revision with the change in it: what an older event tells changes nothing any more. */
async function changeSession(
  { sessionPool }: Accounts,
  sessionId: bigint,
  { labels, paused }: AccountChange,
  ctx: CallContext,
): Promise<bigint> {
  const paths = [...(labels === undefined ? [] : ['labels']), ...(paused === undefined ? [] : ['paused'])];
  const { session } = await sessionPool.updateSession(
    { session: { sessionId, labels, paused }, updateMask: { paths } },
    asCaller(ctx),
  );
  return BigInt(session!.etag);
}

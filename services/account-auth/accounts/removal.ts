import { toBinary, create } from '@bufbuild/protobuf';
import { DeleteAccountResponseSchema } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { findAnswers, saveAnswers, withReplayRetry, type ReplayKey } from '#lib/requests/replay.ts';
import { DomainError, NotFound, RequestIdReused } from '#lib/rpc/errors.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { appendAudit } from '../identity/audit.ts';
import { asCaller, type Accounts } from './accounts.ts';
import { appendAccountEvent, deleteRow, findAccount, lockAccount } from './store.ts';

export interface AccountRemoval {
  accountId: string;
  force: boolean;
  replay: ReplayKey | undefined;
}

/**
 * Removes the session, then the account. A process that dies in between leaves an account without a session, which
 * the repeat removes.
 */
export async function removeAccount(
  accounts: Accounts,
  removal: AccountRemoval,
  ctx: CallContext,
): Promise<void> {
  const { accountId, force, replay } = removal;
  const { tenantId, subject } = ctx.principal;
  const { database } = accounts;
  if (await isAnswered(accounts, replay)) return;
  const account = await findAccount(database.kysely, tenantId, { accountId });
  if (!account) throw new NotFound('account', accountId);
  if (account.session_id !== null) await removeSession(accounts, account.session_id, force, ctx);
  await withReplayRetry(() =>
    transaction(database, async (trx) => {
      const earlier = replay && (await findAnswers(trx, [replay])).get(replay);
      if (earlier instanceof RequestIdReused) throw earlier;
      if (earlier) return;
      const row = await lockAccount(trx, tenantId, { accountId });
      // Another call was quicker, or an event: then it is gone as asked for.
      if (row) {
        // It logged in meanwhile: what it was asked to lose is another session.
        if (row.session_id !== null && row.session_id !== account.session_id)
          throw new NotFound('session of account', accountId);
        await appendAccountEvent(trx, row, { case: 'accountDeleted', value: { accountId } });
        await deleteRow(trx, accountId);
        await appendAudit(trx, {
          tenantId,
          subject,
          action: 'delete_account',
          entityId: accountId,
          detail: { name: row.name, phone: row.phone, session_id: String(row.session_id ?? '') },
        });
      }
      const answer = toBinary(DeleteAccountResponseSchema, create(DeleteAccountResponseSchema));
      if (replay) await saveAnswers(trx, [{ key: replay, answer }]);
    }),
  );
  accounts.wakeRelay();
}

async function isAnswered({ database }: Accounts, replay: ReplayKey | undefined): Promise<boolean> {
  if (!replay) return false;
  const earlier = (await findAnswers(database.kysely, [replay])).get(replay);
  if (earlier instanceof RequestIdReused) throw earlier;
  return earlier !== undefined;
}

/** What the pool answers to a forced removal when the session is given to nobody any more and leaves by itself. */
const LEAVING: ReadonlySet<ErrorReason> = new Set([ErrorReason.EGRESS_CLAIMED, ErrorReason.SESSION_UNUSABLE]);

/** Gone already is as good as gone now. */
export async function removeSession(
  { sessionPool }: Pick<Accounts, 'sessionPool'>,
  sessionId: bigint,
  force: boolean,
  call: Parameters<typeof asCaller>[0],
): Promise<void> {
  try {
    await sessionPool.deleteSession({ sessionId, force }, asCaller(call));
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const isGone = error.reason === ErrorReason.NOT_FOUND || (force && LEAVING.has(error.reason));
    if (!isGone) throw error;
  }
}

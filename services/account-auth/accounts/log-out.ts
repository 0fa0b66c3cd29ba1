import { sql } from 'kysely';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import { Api } from '#lib/telegram/client.ts';
import { AccountBanned, NeedsLogin, TelegramUnreachable } from '#lib/telegram/errors.ts';
import { appendAudit } from '../identity/audit.ts';
import { asCaller, type Accounts } from './accounts.ts';
import type { AccountRow } from './model.ts';
import { removeSession } from './removal.ts';
import { becomeLoggedOut } from './state.ts';
import { lockAccount, readAccount } from './store.ts';
import { visitTelegram, type AccountsOnTelegram, type VisitLimits } from './visit.ts';

/** Nothing here leaves the pool something to hear. */
type Quiet = Omit<Accounts, 'wakeSettling'>;

/** A lease that was revoked leaves the session closing for as long as an egress claim lives. */
const WAIT_AFTER_REVOKING_MS = 16_000;
/** What is left to log out in, after the wait. */
const LEFT_FOR_TELEGRAM_MS = 5_000;

/**
 * Telegram forgets the session, then the pool, then the account. That Telegram is about to be asked is noted first, so
 * that a process which dies later leaves something for another to end: see resumeLogOut.
 */
export async function logOutAccount(
  accounts: Quiet,
  telegram: AccountsOnTelegram,
  { accountId, force }: { accountId: string; force: boolean },
  limits: VisitLimits,
): Promise<AccountRow> {
  const { tenantId } = limits.principal;
  const row = await readAccount(accounts.database.kysely, tenantId, { accountId });
  if (row.session_id === null) return row;
  try {
    return await logOut(accounts, telegram, row, limits);
  } catch (error) {
    const isLeased = error instanceof DomainError && error.reason === ErrorReason.SESSION_LEASED;
    if (!force || !isLeased) throw error;
  }
  await revokeLease(accounts, row.session_id, limits);
  const waitMs = Math.max(0, Math.min(WAIT_AFTER_REVOKING_MS, limits.remainingMs() - LEFT_FOR_TELEGRAM_MS));
  return logOut(accounts, telegram, row, { ...limits, remainingMs: () => limits.remainingMs(), waitMs });
}

/** Goes on with what a process left undone. */
export async function resumeLogOut(
  accounts: Quiet,
  telegram: AccountsOnTelegram,
  row: AccountRow,
  limits: VisitLimits,
): Promise<void> {
  await logOut(accounts, telegram, row, limits);
}

async function logOut(
  accounts: Quiet,
  telegram: AccountsOnTelegram,
  row: AccountRow,
  limits: VisitLimits & { waitMs?: number },
): Promise<AccountRow> {
  const sessionId = row.session_id!;
  let isNoted = false;
  try {
    await visitTelegram(accounts, telegram, row, limits, async (visit) => {
      await note(accounts, row, limits.principal.subject);
      isNoted = true;
      await visit.call(new Api.auth.LogOut()).catch((error: unknown) => {
        if (!isDead(error)) throw error;
      });
      await visit.disconnect();
      // While this process holds the claim: so nobody is given the dead key in between.
      await removeSession(accounts, sessionId, true, limits);
    });
  } catch (error) {
    if (isNoted && didNothing(error)) await forget(accounts, row);
    if (isNoted || !isDead(error)) throw error;
    // Telegram has forgotten the key already: what is left of it is in the pool.
    await note(accounts, row, limits.principal.subject);
    await removeSession(accounts, sessionId, true, limits);
  }
  return ended(accounts, row);
}

/** The key is worth nothing any more. A frozen account's is. */
function isDead(error: unknown): boolean {
  return (
    error instanceof NeedsLogin || (error instanceof AccountBanned && error.metadata['state'] === 'banned')
  );
}

const NOTHING_DONE: ReadonlySet<ErrorReason> = new Set([
  ErrorReason.FLOOD_WAIT,
  ErrorReason.BREAKER_OPEN,
  ErrorReason.TELEGRAM_REFUSED,
]);

/** Telegram was not reached, or answered no. */
function didNothing(error: unknown): boolean {
  if (error instanceof TelegramUnreachable) return !error.sent;
  return error instanceof DomainError && NOTHING_DONE.has(error.reason);
}

async function note(accounts: Quiet, before: AccountRow, subject: string): Promise<void> {
  const { tenant_id: tenantId, account_id: accountId, session_id: sessionId } = before;
  await transaction(accounts.database, async (trx) => {
    const row = await lockAccount(trx, tenantId, { accountId });
    if (row?.session_id !== sessionId || row.logging_out) return;
    await sql`
      update accounts set logging_out = true, logging_out_time = clock_timestamp()
      where account_id = ${accountId}::uuid`.execute(trx);
    const detail = { session_id: String(sessionId) };
    await appendAudit(trx, { tenantId, subject, action: 'log_out_account', entityId: accountId, detail });
  });
}

async function forget({ database }: Quiet, row: AccountRow): Promise<void> {
  await sql`
    update accounts set logging_out = false, logging_out_time = null
    where account_id = ${row.account_id}::uuid and session_id = ${row.session_id}`.execute(database.kysely);
}

async function ended(accounts: Quiet, before: AccountRow): Promise<AccountRow> {
  const { tenant_id: tenantId, account_id: accountId, session_id: sessionId } = before;
  const row = await transaction(accounts.database, async (trx) => {
    const found = await lockAccount(trx, tenantId, { accountId });
    if (!found || found.session_id !== sessionId) return found;
    return becomeLoggedOut(trx, found);
  });
  accounts.wakeRelay();
  return row ?? before;
}

/** Of whoever has the session now; nobody is fine. */
async function revokeLease({ sessionPool }: Quiet, sessionId: bigint, limits: VisitLimits): Promise<void> {
  const { session } = await sessionPool.getSession({ sessionId }, asCaller(limits));
  const leaseId = session?.lease?.leaseId;
  if (leaseId === undefined) return;
  const reason = 'the account is logged out';
  await sessionPool.revokeLease({ leaseId, reason }, asCaller(limits)).catch((error: unknown) => {
    if (!(error instanceof DomainError && error.reason === ErrorReason.NOT_FOUND)) throw error;
  });
}

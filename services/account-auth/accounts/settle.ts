import { sql } from 'kysely';
import type { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { pruneInbox } from '#lib/events/consumer.ts';
import { pause } from '#lib/lifecycle/clock.ts';
import type { Client } from '#lib/rpc/client.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import { asService, type Accounts } from './accounts.ts';
import { resumeLogOut } from './log-out.ts';
import type { AccountRow } from './model.ts';
import type { AccountsOnTelegram } from './visit.ts';

const EVERY_MS = 5_000;
const ROWS_A_PASS = 200;
const AT_ONCE = 8;
const PRUNE_EVERY_MS = 3_600_000;
/** Longer than a log-out takes: what is older was left by a process that died, or its end is not known. */
const RESUME_AFTER = '60 seconds';
const RESUMED_A_PASS = 4;
const RESUME_LIMIT_MS = 30_000;

export interface SettlingParts {
  readonly accounts: Omit<Accounts, 'wakeSettling'>;
  /** None where no Telegram is named. */
  readonly telegram?: AccountsOnTelegram | undefined;
  /** None where accounts have no proxies. */
  readonly registry?: Pick<Client<typeof ProxyRegistryService>, 'allowDirect'> | undefined;
}

export interface Settling {
  /** One pass over what is untold; how many rows it saw. */
  pass(): Promise<number>;
  wake(): void;
  stop(): Promise<void>;
}

/**
 * Tells the pool what it does not know yet of its sessions: whose they are, and what their owners wanted before there
 * was a session; and the registry of proxies who may connect directly. Ends log-outs that were begun. Any number of
 * replicas do no harm: telling it twice changes nothing.
 */
export function startSettling({ accounts, telegram, registry }: SettlingParts): Settling {
  const { database, clock, log } = accounts;
  const stopping = new AbortController();
  let sleep = new AbortController();
  let prunedAt = -Infinity;

  async function pass(): Promise<number> {
    const { rows } = await sql<AccountRow>`
      select * from accounts where untied order by ordinal limit ${ROWS_A_PASS}`.execute(database.kysely);
    for (let from = 0; from < rows.length && !stopping.signal.aborted; from += AT_ONCE)
      await Promise.all(rows.slice(from, from + AT_ONCE).map((row) => tell(row)));
    return rows.length + (await tellRegistry()) + (await resumeLogOuts());
  }

  async function tellRegistry(): Promise<number> {
    if (!registry) return 0;
    const { rows } = await sql<AccountRow>`
      select * from accounts where direct_untold order by ordinal limit ${ROWS_A_PASS}`.execute(
      database.kysely,
    );
    for (const row of rows) {
      const { account_id: accountId, tenant_id: tenantId, allow_direct: allowed } = row;
      await registry.allowDirect(
        { accountId, sessionId: row.session_id ?? 0n, allowed },
        asService(tenantId, stopping.signal),
      );
      await sql`
        update accounts set direct_untold = false
        where account_id = ${accountId}::uuid and allow_direct = ${allowed}`.execute(database.kysely);
    }
    return rows.length;
  }

  async function resumeLogOuts(): Promise<number> {
    if (!telegram) return 0;
    const { rows } = await sql<AccountRow>`
      update accounts set logging_out_time = clock_timestamp()
      where account_id = any(array(
        select account_id from accounts
        where logging_out and logging_out_time < clock_timestamp() - interval '${sql.raw(RESUME_AFTER)}'
        order by logging_out_time limit ${RESUMED_A_PASS} for update skip locked))
      returning *`.execute(database.kysely);
    await Promise.all(rows.map((row) => resume(telegram, row)));
    return rows.length;
  }

  async function resume(reached: AccountsOnTelegram, row: AccountRow): Promise<void> {
    const until = clock.monotonic() + RESUME_LIMIT_MS;
    const { principal } = asService(row.tenant_id, stopping.signal).parent;
    const limits = { principal, signal: stopping.signal, remainingMs: () => until - clock.monotonic() };
    try {
      await resumeLogOut(accounts, reached, row, limits);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      const line = { event: 'log_out_not_ended', account_id: row.account_id, err: error };
      log.warn(line, 'a log-out that was begun is tried again');
    }
  }

  async function tell(row: AccountRow): Promise<void> {
    const { account_id: accountId, tenant_id: tenantId, session_id: sessionId, labels, paused } = row;
    if (sessionId === null) return told(row, 0n);
    // A row that has a copy of the session's labels has nothing to say about them.
    const paths = ['account_id', 'paused', ...(row.session_revision === 0n ? ['labels'] : [])];
    try {
      const { session } = await accounts.sessionPool.updateSession(
        { session: { sessionId, accountId, labels, paused }, updateMask: { paths } },
        asService(tenantId, stopping.signal),
      );
      await told(row, BigInt(session!.etag));
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      const isFinal = error.reason === ErrorReason.NOT_FOUND || error.reason === ErrorReason.ALREADY_EXISTS;
      if (isFinal) await told(row, row.session_revision);
      log.warn(
        { event: 'session_not_told', session_id: String(sessionId), account_id: accountId, err: error },
        isFinal
          ? 'the pool has another session for an account'
          : 'the pool was not told of an account; it is tried again',
      );
    }
  }

  /** Unless the owner changed it meanwhile: then there is more to tell. */
  async function told(row: AccountRow, revision: bigint): Promise<void> {
    await sql`
      update accounts set untied = false, session_revision = greatest(session_revision, ${revision})
      where account_id = ${row.account_id}::uuid and session_id is not distinct from ${row.session_id}
        and revision = ${row.revision}`.execute(database.kysely);
  }

  async function prune(): Promise<void> {
    if (clock.monotonic() < prunedAt + PRUNE_EVERY_MS) return;
    while (!stopping.signal.aborted && (await pruneInbox(database.kysely)) > 0);
    prunedAt = clock.monotonic();
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      sleep = new AbortController();
      try {
        await pass();
        await prune();
      } catch (error) {
        log.warn({ event: 'settling_failed', err: error }, 'the pool is told of accounts later');
      }
      await pause(clock, EVERY_MS, AbortSignal.any([sleep.signal, stopping.signal]));
    }
  }

  const running = run();
  return {
    pass,
    wake: () => sleep.abort(),
    stop() {
      stopping.abort();
      return running;
    },
  };
}

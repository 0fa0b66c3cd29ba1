import { sql } from 'kysely';
import { ErrorReasonSchema } from '#gen/telegate/errors/v1/errors_pb.ts';
import { pause } from '#lib/lifecycle/clock.ts';
import { toDomainError } from '#lib/rpc/status.ts';
import { instruments } from '#lib/telemetry/metrics.ts';
import { asService, type Accounts } from './accounts.ts';
import { checkAccount } from './check.ts';
import type { AccountRow } from './model.ts';
import type { AccountsOnTelegram } from './visit.ts';

/** No account is checked by itself more often, however few there are. */
const CHECKED_AGAIN_AFTER = '1 hour';
/** Checks of this process that are under way: one whose proxy is silent holds up no other. */
const AT_ONCE = 8;
const CHECK_LIMIT_MS = 20_000;
const LONGEST_PAUSE_MS = 10_000;
const AFTER_FAILURE_MS = 5_000;

const metrics = instruments((meter) => ({
  checks: meter.createCounter('telegate.accounts.checks', {
    description: 'Checks of accounts that the health sweep made, by what came of them.',
  }),
}));

export interface HealthSweep {
  stop(): Promise<void>;
}

/**
 * Checks the accounts in use, those first that were not for the longest time: so many a minute, all replicas together,
 * and wherever another left off. A session is taken only when it is free and nobody waits for it.
 */
export function startHealthSweep(
  accounts: Accounts,
  telegram: AccountsOnTelegram,
  { perMinute }: { perMinute: number },
): HealthSweep {
  const { database, clock, log } = accounts;
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  const stepMs = 60_000 / perMinute;

  async function step(): Promise<number> {
    if (running.size >= AT_ONCE) await Promise.race(running);
    const waitMs = await takeTurn();
    if (waitMs > 0) return waitMs;
    const row = await nextAccount();
    if (!row) return LONGEST_PAUSE_MS;
    const checking = check(row).finally(() => running.delete(checking));
    running.add(checking);
    return stepMs;
  }

  /** 0 when it is this process's turn, and the next is taken; else how long it is until then. */
  async function takeTurn(): Promise<number> {
    const { rows } = await sql<{ wait_ms: number }>`
      with turn as (
        update health_sweep set next_time = clock_timestamp() + ${stepMs} * interval '1 ms'
        where next_time <= clock_timestamp() returning 0::float8 as wait_ms
      )
      select wait_ms from turn
      union all
      select greatest(1, extract(epoch from next_time - clock_timestamp()) * 1000)::float8 from health_sweep
      limit 1`.execute(database.kysely);
    return rows[0]!.wait_ms;
  }

  async function nextAccount(): Promise<AccountRow | undefined> {
    const { rows } = await sql<AccountRow>`
      update accounts set check_start_time = clock_timestamp()
      where account_id = (
        select account_id from accounts
        where environment = ${telegram.environment.id} and session_id is not null
          and not paused and not logging_out and state in ('authorised', 'limited')
          and (check_start_time is null
            or check_start_time < clock_timestamp() - interval '${sql.raw(CHECKED_AGAIN_AFTER)}')
          and (check_time is null or check_time < clock_timestamp() - interval '${sql.raw(CHECKED_AGAIN_AFTER)}')
        order by check_start_time nulls first limit 1 for update skip locked)
      returning *`.execute(database.kysely);
    return rows[0];
  }

  async function check(row: AccountRow): Promise<void> {
    const until = clock.monotonic() + CHECK_LIMIT_MS;
    const { principal, signal } = asService(row.tenant_id, stopping.signal).parent;
    const limits = { principal, signal, remainingMs: () => until - clock.monotonic() };
    let outcome = 'ok';
    try {
      await checkAccount(accounts, telegram, row, limits);
    } catch (error) {
      const { reason } = toDomainError(error);
      outcome = ErrorReasonSchema.value[reason]!.localName.toLowerCase();
      // What it says of the account was kept; that a session is in use, or can not be reached, is nobody's news.
      log.debug(
        { event: 'account_not_checked', account_id: row.account_id, err: error },
        'a check had no answer',
      );
    }
    metrics().checks.add(1, { 'telegate.outcome': outcome });
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const waitMs = await step().catch((error: unknown) => {
        log.warn({ event: 'health_sweep_failed', err: error }, 'the health sweep goes on later');
        return AFTER_FAILURE_MS;
      });
      await pause(clock, Math.min(waitMs, LONGEST_PAUSE_MS), stopping.signal);
    }
    await Promise.all(running);
  }

  const ended = run();
  return {
    stop() {
      stopping.abort();
      return ended;
    },
  };
}

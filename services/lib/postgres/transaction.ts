import type { Transaction } from 'kysely';
import { DatabaseError } from 'pg';
import { pause, systemClock, type Clock } from '#lib/lifecycle/clock.ts';
import { isStalePlan } from './client.ts';
import type { Database } from './database.ts';
import { CommitUnknown, ConnectionLost, DatabaseUnavailable } from './errors.ts';

/** After these, PostgreSQL promises that nothing was done and that the same work may succeed. */
export const RETRYABLE_SQLSTATES: Readonly<Record<string, string>> = {
  '40001': 'serialization_failure',
  '40P01': 'deadlock_detected',
  // This process stood still for so long that the server gave the locks to others.
  '25P03': 'idle_in_transaction_session_timeout',
};

const ATTEMPTS = 5;
/** A database that refuses connections is asked once more, so that callers hear of it promptly. */
const CONNECT_ATTEMPTS = 2;
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 250;

export interface RetryPolicy {
  clock?: Clock;
  /** 0 ≤ n < 1; spreads those who collided. */
  random?: () => number;
}

/**
 * Runs `body` in a READ COMMITTED transaction, again from its start when it lost to another transaction or
 * to a broken connection before COMMIT was sent: so it must change nothing outside the database.
 */
export function transaction<Tables, T>(
  db: Database<Tables>,
  body: (trx: Transaction<Tables>) => Promise<T>,
  policy: RetryPolicy = {},
): Promise<T> {
  return withRetry(() => once(db, body), policy);
}

async function once<Tables, T>(
  db: Database<Tables>,
  body: (trx: Transaction<Tables>) => Promise<T>,
): Promise<T> {
  const trx = await db.kysely.startTransaction().setIsolationLevel('read committed').execute();
  // A failed rollback closes its connection, which rolls back: the first error is the one that matters.
  const giveUp = () =>
    trx
      .rollback()
      .execute()
      .catch(() => undefined);
  let result: T;
  try {
    result = await body(trx);
  } catch (error) {
    await giveUp();
    throw error;
  }
  try {
    await trx.commit().execute();
  } catch (error) {
    await giveUp();
    throw error instanceof ConnectionLost ? new CommitUnknown(error) : error;
  }
  return result;
}

/** The same policy for work that may be done twice: a single idempotent statement, a read. */
export async function withRetry<T>(body: () => Promise<T>, policy: RetryPolicy = {}): Promise<T> {
  const { clock = systemClock, random = Math.random } = policy;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await body();
    } catch (error) {
      if (attempt >= attemptsAfter(error)) throw error;
    }
    const ceiling = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt);
    await pause(clock, ceiling * (0.5 + random() / 2));
  }
}

function attemptsAfter(error: unknown): number {
  if (error instanceof ConnectionLost) return ATTEMPTS;
  if (error instanceof DatabaseUnavailable) return isRefused(error.cause) ? CONNECT_ATTEMPTS : 1;
  if (
    error instanceof DatabaseError &&
    (isStalePlan(error) || Object.hasOwn(RETRYABLE_SQLSTATES, error.code ?? ''))
  )
    return ATTEMPTS;
  return 1;
}

/** A wait that ran out is not repeated: it took its time already. */
function isRefused(cause: unknown): boolean {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === '57P03';
}

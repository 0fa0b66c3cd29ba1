import { sql, type QueryExecutorProvider } from 'kysely';
import { transaction } from '#lib/postgres/transaction.ts';
import { QuotaExceeded } from '#lib/rpc/errors.ts';
import { REAL_TELEGRAM } from '#lib/telegram/environment.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { MessagingDatabase } from '../tables.ts';

/*
 * How much is done at one post, over all accounts, callers and processes together. Faked engagement is forbidden by
 * Telegram and misleads people: this is the one door to it.
 */

export const DEFAULT_CEILING = 10;
/** No configuration reaches beyond it on the real Telegram. */
const HIGHEST_CEILING = 50;

export function ceilingOn(environment: string, configured: number): number {
  return environment === REAL_TELEGRAM ? Math.min(configured, HIGHEST_CEILING) : configured;
}

export interface PostAction {
  readonly environment: string;
  /** As messages.ts calls it. */
  readonly channel: string;
  readonly postId: number;
  readonly kind: 'comment' | 'reaction';
  /** What counts once however often it is done. */
  readonly actor: string;
  readonly tenantId: string;
}

/** Takes one of the places that a post has; answers whether it was not taken before. Throws QuotaExceeded. */
export function takePlace(
  database: MessagingDatabase,
  action: PostAction,
  ceiling: number,
): Promise<boolean> {
  return transaction(database, async (trx) => {
    const { environment, channel, postId, kind, actor, tenantId } = action;
    const { rows: taken } = await sql`
      insert into post_actions (environment, channel, post_id, kind, actor, tenant_id)
      values (${environment}, ${channel}, ${postId}, ${kind}, ${actor}, ${tenantId}::uuid)
      on conflict do nothing returning post_id`.execute(trx);
    if (taken.length === 0) return false;
    const { rows: counted } = await sql`
      insert into post_counts (environment, channel, post_id, kind, taken)
      values (${environment}, ${channel}, ${postId}, ${kind}, 1)
      on conflict (environment, channel, post_id, kind) do update set taken = post_counts.taken + 1
        where post_counts.taken < ${ceiling}
      returning taken`.execute(trx);
    if (counted.length === 0)
      throw new QuotaExceeded(
        `post_${kind}s`,
        `This post has had ${ceiling} ${kind}s through TeleGate already, which is the most that one gets, from all ` +
          'accounts and callers together. Leave it.',
      );
    return true;
  });
}

/** For what Telegram certainly did not do. */
export function giveBack(database: MessagingDatabase, action: PostAction): Promise<void> {
  return transaction(database, async (trx) => {
    const { environment, channel, postId, kind, actor } = action;
    const { rows } = await sql`
      delete from post_actions
      where environment = ${environment} and channel = ${channel} and post_id = ${postId}
        and kind = ${kind} and actor = ${actor}
      returning post_id`.execute(trx);
    if (rows.length === 0) return;
    await sql`
      update post_counts set taken = taken - 1
      where environment = ${environment} and channel = ${channel} and post_id = ${postId} and kind = ${kind}
    `.execute(trx);
  });
}

/** That a process serves with a higher ceiling than the default is kept, and said. */
export async function recordCeiling(
  executor: QueryExecutorProvider,
  { processId, environment, ceiling }: { processId: string; environment: string; ceiling: number },
  log: Logger,
): Promise<void> {
  const inForce = ceilingOn(environment, ceiling);
  if (inForce <= DEFAULT_CEILING) return;
  log.warn(
    { kind: 'audit', action: 'ceiling_raised', environment, ceiling: inForce, configured: ceiling },
    'more is allowed at a post than the default',
  );
  await sql`
    insert into raised_ceilings (process_id, environment, ceiling)
    values (${processId}, ${environment}, ${inForce}) on conflict do nothing`.execute(executor);
}

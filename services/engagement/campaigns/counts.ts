import { sql, type QueryExecutorProvider } from 'kysely';

/** How many of a campaign's actions stand where. */
export interface Counts {
  readonly planned: number;
  readonly running: number;
  readonly done: number;
  readonly failed: number;
  readonly skipped: number;
}

export const NO_ACTIONS: Counts = { planned: 0, running: 0, done: 0, failed: 0, skipped: 0 };

export function totalOf({ planned, running, done, failed, skipped }: Counts): number {
  return planned + running + done + failed + skipped;
}

/** Campaigns without actions are left out. */
export async function readCounts(
  executor: QueryExecutorProvider,
  campaignIds: readonly string[],
): Promise<Map<string, Counts>> {
  if (campaignIds.length === 0) return new Map();
  const { rows } = await sql<{ campaign_id: string } & Counts>`
    select campaign_id, sum(planned)::int as planned, sum(running)::int as running, sum(done)::int as done,
      sum(failed)::int as failed, sum(skipped)::int as skipped
    from action_counts where campaign_id = any(${campaignIds}::uuid[]) group by campaign_id`.execute(
    executor,
  );
  return new Map(rows.map(({ campaign_id: id, ...counts }) => [id, counts]));
}

import { withClient } from '../cluster/truth.ts';
import { pause } from '../time.ts';
import { pastTtl, type Fault } from './fault.ts';

const ROWS = 3;

/** Holds the rows of leased sessions, as a stuck transaction does, until their leases' time is over. */
export const lockRows: Fault = {
  name: 'lock-rows',
  async inflict({ cluster, ttlMs }, random, stage) {
    const { held, managed } = cluster.tenants;
    await withClient(cluster.postgres.url, async (client) => {
      const { rows } = await client.query<{ session: string }>(
        `select session_id::text as session from session_pool.slots
         where lease_id is not null and tenant_id = any($1::uuid[]) order by session_id`,
        [[held, managed]],
      );
      const sessions = random
        .shuffled(rows.map((row) => row.session))
        .slice(0, ROWS)
        .toSorted((a, b) => Number(a) - Number(b));
      stage.begin({ sessions });
      await client.query('begin');
      await client.query(
        'select from session_pool.slots where session_id = any($1::bigint[]) order by session_id for update',
        [sessions],
      );
      await pause(pastTtl(random, ttlMs));
      await client.query('rollback');
      stage.lift();
    });
  },
};

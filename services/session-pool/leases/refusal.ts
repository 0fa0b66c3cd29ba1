import { sql } from 'kysely';
import { NotFound, type DomainError } from '#lib/rpc/errors.ts';
import { NoFreeSession, SessionUnusable, type Obstacle } from '../errors.ts';
import type { Pool } from '../pool.ts';
import { CONDITION } from '../sessions/model.ts';
import { countSessions } from '../status/store.ts';
import { fits } from './grant.ts';
import type { LeaseRequest } from './model.ts';

interface Named {
  session_id: bigint;
  condition: number;
  holder: string | null;
  expire_time: Date | null;
}

/** Why a request got no session, in the words and with the numbers that help its caller. */
export async function refusalOf(pool: Pool, request: LeaseRequest): Promise<DomainError> {
  const { tenantId, selector } = request;
  const { kysely } = pool.database;
  let obstacle: Obstacle | undefined;
  if (selector.sessionId !== null || selector.name !== null) {
    const { rows } = await sql<Named>`
      select session_id, condition, holder, expire_time from slots
      where ${fits(tenantId, { ...selector, labels: {}, hasFile: false })}`.execute(kysely);
    const [named] = rows;
    if (!named) return new NotFound('session', selector.name ?? String(selector.sessionId));
    if (named.condition !== CONDITION.USABLE)
      return new SessionUnusable(named.session_id, conditionName(named.condition));
    obstacle = { holder: named.holder ?? undefined, expireTime: named.expire_time ?? undefined };
  }
  const { counts, availableInMs } = await countSessions(kysely, tenantId, selector);
  return new NoFreeSession(counts, { availableInMs, obstacle });
}

/** As in errors and events: needs_login. */
function conditionName(condition: number): string {
  const [name] = Object.entries(CONDITION).find(([, number]) => number === condition)!;
  return name.toLowerCase();
}

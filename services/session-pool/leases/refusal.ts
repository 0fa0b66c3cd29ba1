import { sql } from 'kysely';
import { createBatcher, type Batcher } from '#lib/batching/batcher.ts';
import { NotFound, type DomainError } from '#lib/rpc/errors.ts';
import { NoFreeSession, SessionUnusable, type Obstacle } from '../errors.ts';
import type { Pool } from '../pool.ts';
import { CONDITION } from '../sessions/model.ts';
import { countSessions } from '../status/store.ts';
import { fits } from './free.ts';
import { selectorKey, type LeaseRequest } from './model.ts';

interface Named {
  session_id: bigint;
  condition: number;
  paused: boolean;
  holder: string | null;
  expire_time: Date | null;
}

type Counted = Awaited<ReturnType<typeof countSessions>>;

const REFUSALS_A_COUNT = 1_000;

/** Why a request got no session, in the words and with the numbers that help its caller. */
export type Refusals = (request: LeaseRequest) => Promise<DomainError>;

export function createRefusals(pool: Pool): Refusals {
  // A storm of callers who find nothing is one count, not a count each.
  const counts = createBatcher<LeaseRequest, Counted>({
    name: 'pool.refusal',
    async run(requests) {
      const counted = new Map<string, Promise<Counted>>();
      for (const { tenantId, selector } of requests) {
        const key = `${tenantId} ${selectorKey(selector)}`;
        const { quarantineMs } = pool.settings;
        if (!counted.has(key))
          counted.set(key, countSessions(pool.database.kysely, tenantId, selector, { quarantineMs }));
        // One after the other: a refusal is in no hurry, and others need the connections.
        await counted.get(key);
      }
      return Promise.all(
        requests.map(({ tenantId, selector }) => counted.get(`${tenantId} ${selectorKey(selector)}`)!),
      );
    },
    maxItems: REFUSALS_A_COUNT,
    gatherMs: 0,
    clock: pool.clock,
  });
  return (request) => refusalOf(pool, request, counts);
}

async function refusalOf(
  pool: Pool,
  request: LeaseRequest,
  counted: Batcher<LeaseRequest, Counted>,
): Promise<DomainError> {
  const { tenantId, selector } = request;
  const { kysely } = pool.database;
  let obstacle: Obstacle | undefined;
  const { sessionId, name, accountId } = selector;
  if (sessionId !== null || name !== null || accountId !== undefined) {
    const { rows } = await sql<Named>`
      select session_id, condition, paused, holder, expire_time from slots
      where ${fits(tenantId, { ...selector, labels: {}, hasFile: false })}`.execute(kysely);
    const [named] = rows;
    if (!named) return new NotFound('session', name ?? String(sessionId ?? `of account ${accountId}`));
    if (named.condition !== CONDITION.USABLE)
      return new SessionUnusable(named.session_id, conditionName(named.condition));
    if (named.paused && !selector.evenPaused) return new SessionUnusable(named.session_id, 'paused');
    obstacle = { holder: named.holder ?? undefined, expireTime: named.expire_time ?? undefined };
  }
  const { counts, availableInMs } = await counted.submit(request);
  return new NoFreeSession(counts, { availableInMs, obstacle });
}

/** As in errors and events: needs_login. */
function conditionName(condition: number): string {
  const [name] = Object.entries(CONDITION).find(([, number]) => number === condition)!;
  return name.toLowerCase();
}

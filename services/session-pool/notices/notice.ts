import { sql } from 'kysely';
import type { LeaseLossReason } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import type { PoolTransaction } from '../slots.ts';

/** The channel on which replicas tell each other what streams must hear. Rare things only: a NOTIFY takes a
 * lock at commit that all commits of the database share, so grants, renewals and releases send none. */
export const NOTICE_CHANNEL = 'session_pool';

export type Notice =
  | { kind: 'lost'; lease: string; session: string; reason: LeaseLossReason }
  | { kind: 'drain'; lease: string; deadline: string }
  | { kind: 'flood_wait'; lease: string; session: string; method: string; peer: string; end: string }
  /** Waiters of this replica were granted something. */
  | { kind: 'granted'; replica: string };

/** PostgreSQL takes 8,000 bytes; a notice has at most 400. */
const NOTICES_A_PAYLOAD = 20;

/** Sent when, and only when, the transaction commits. */
export async function sendNotices(trx: PoolTransaction, notices: readonly Notice[]): Promise<void> {
  if (notices.length === 0) return;
  const payloads: string[] = [];
  for (let from = 0; from < notices.length; from += NOTICES_A_PAYLOAD)
    payloads.push(JSON.stringify(notices.slice(from, from + NOTICES_A_PAYLOAD)));
  await sql`select pg_notify(${NOTICE_CHANNEL}, payload) from unnest(${payloads}::text[]) as payload`.execute(
    trx,
  );
}

const KINDS: ReadonlySet<unknown> = new Set<Notice['kind']>(['lost', 'drain', 'flood_wait', 'granted']);

/** Those of a payload that this version knows; throws when it is no list of notices at all. */
export function readNotices(payload: string): Notice[] {
  const parsed: unknown = JSON.parse(payload);
  if (!Array.isArray(parsed)) throw new TypeError('a payload of notices must be a list');
  return (parsed as (Notice | null)[]).filter(
    (notice) => notice !== null && KINDS.has(notice.kind),
  ) as Notice[];
}

import { isIPv6 } from 'node:net';
import { sql } from 'kysely';
import { QuotaExceeded } from '#lib/rpc/errors.ts';
import type { AccountAuth } from '../account-auth.ts';

export type AttemptKind = 'user' | 'address' | 'registration' | 'login_phone' | 'login_tenant';

export interface Attempt {
  kind: AttemptKind;
  /** An e-mail address, or where the caller calls from. */
  subject: string;
  limit: number;
}

const WHAT: Record<AttemptKind, string> = {
  user: 'Too many attempts for this user',
  address: 'Too many attempts from this address',
  registration: 'Too many registrations from this address',
  login_phone: 'Too many logins of this phone',
  login_tenant: 'Too many logins of this tenant',
};

/**
 * Counts attempts before they are made, so that many at once are bounded too, on all replicas together. Throws
 * when there were too many in this window; those that succeed are taken back.
 */
export async function countAttempts(
  { database }: AccountAuth,
  attempts: readonly Attempt[],
  windowMs: number,
): Promise<void> {
  // In one order, so that no two calls wait for each other's rows.
  const ordered = attempts.toSorted((a, b) => (a.kind < b.kind ? -1 : 1));
  const { rows } = await sql<{ kind: AttemptKind; count: number; left_ms: number }>`
    insert into attempts (kind, subject, count, end_time)
    select kind, subject, 1, clock_timestamp() + ${windowMs} * interval '1 millisecond'
    from unnest(
      ${ordered.map(({ kind }) => kind)}::text[],
      ${ordered.map(({ subject }) => subject)}::text[]
    ) as attempt (kind, subject)
    on conflict (kind, subject) do update set
      count = case when attempts.end_time <= clock_timestamp() then 1 else attempts.count + 1 end,
      end_time = case when attempts.end_time <= clock_timestamp() then excluded.end_time else attempts.end_time end
    returning kind, count, extract(epoch from end_time - clock_timestamp())::float8 * 1000 as left_ms`.execute(
    database.kysely,
  );
  for (const { kind, limit } of ordered) {
    const row = rows.find((one) => one.kind === kind)!;
    if (row.count <= limit) continue;
    const seconds = Math.max(1, Math.ceil(row.left_ms / 1_000));
    throw new QuotaExceeded(
      `${kind}_attempts`,
      `${WHAT[kind]}. Try again in ${seconds} seconds.`,
      seconds * 1_000,
    );
  }
}

/** After a success: the user starts anew, and the address gets its one attempt back. */
export async function takeBack(
  { database }: AccountAuth,
  { user, address = '' }: { user: string; address?: string },
): Promise<void> {
  await sql`
    with cleared as (delete from attempts where kind = 'user' and subject = ${user})
    update attempts set count = greatest(count - 1, 0) where kind = 'address' and subject = ${address}`.execute(
    database.kysely,
  );
}

/** Who has one IPv6 address has all of its /64: they count as one. */
export function attemptSubject(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = address.split('%')[0]!.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail ? tail.split(':') : [];
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array<string>(Math.max(0, zeros)).fill('0'), ...right];
  const network = groups.slice(0, 4).map((group) => parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}

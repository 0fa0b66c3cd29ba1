import type { Account } from '#gen/telegate/account_auth/v1/account_pb.ts';
import { reasonName, toDomainError } from '#lib/rpc/status.ts';

/** Profiles asked at once: each may have to connect first. */
const AT_ONCE = 8;
const MOST_NAMED = 50;

export interface Gathered<T> {
  readonly results: readonly T[];
  /** Says whose are missing, as `+15550000001=FLOOD_WAIT`; these clients know a list and nothing beside it. */
  readonly headers: { 'x-failed-profiles'?: string };
}

/** Asks Telegram as each; one that fails does not take the others along. Throws when all do. */
export async function overProfiles<T>(
  profiles: readonly Account[],
  ask: (profile: Account) => Promise<T>,
): Promise<Gathered<T>> {
  const waiting = profiles.values();
  const results: T[] = [];
  const failures: { phone: string; error: unknown }[] = [];
  async function work(): Promise<void> {
    for (const profile of waiting) {
      try {
        results.push(await ask(profile));
      } catch (error) {
        failures.push({ phone: profile.phone || profile.accountId, error });
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, profiles.length) }, work));
  if (failures.length > 0 && results.length === 0) throw failures[0]!.error;
  const named = failures
    .slice(0, MOST_NAMED)
    .map(({ phone, error }) => `${phone}=${reasonName(toDomainError(error).reason)}`);
  if (failures.length > named.length) named.push(`${failures.length - named.length} more`);
  return { results, headers: named.length > 0 ? { 'x-failed-profiles': named.join(', ') } : {} };
}

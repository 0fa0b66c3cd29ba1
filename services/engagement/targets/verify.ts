import { AccountState, AccountStatus } from '#gen/telegate/account_auth/v1/account_pb.ts';
import type { DomainError } from '#lib/rpc/errors.ts';
import type { Engagement, Parent } from '../engagement.ts';
import {
  channelName,
  isOfAccount,
  verdictOfError,
  verdictOfRole,
  type SeenChannel,
  type Verdict,
} from './model.ts';

/** Accounts that are asked in turn, at the most. */
export const MOST_ASKED = 10;
/** Of the time that a call has, what one account may take. */
const ANSWER_MS = 10_000;

export type Finding =
  | { readonly kind: 'verified'; readonly accountId: string; readonly seen: SeenChannel }
  /** `why` in words; `asked` of how many. */
  | { readonly kind: 'nobody'; readonly why: string }
  | { readonly kind: 'unknown'; readonly why: string; readonly error: DomainError };

/** Asks one account what it is in a channel. Throws what is wrong with the request itself. */
async function ask(
  { messaging }: Engagement,
  parent: Parent,
  accountId: string,
  wanted: { name: string; channel?: string },
): Promise<Verdict> {
  try {
    const response = await messaging.getChannelRole(
      { actor: { actor: { case: 'accountId', value: accountId } }, channel: wanted.name },
      { parent, deadlineMs: ANSWER_MS },
    );
    return verdictOfRole(response, wanted.channel);
  } catch (error) {
    const verdict = verdictOfError(error);
    if (verdict === undefined || parent.signal.aborted) throw error;
    return verdict;
  }
}

/** Asks accounts in turn until one administers the channel. */
export async function findAdministrator(
  engagement: Engagement,
  parent: Parent,
  accountIds: readonly string[],
  wanted: { name: string; channel?: string },
): Promise<Finding> {
  const whys: string[] = [];
  let unknown: (Verdict & { kind: 'unknown' }) | undefined;
  for (const accountId of accountIds) {
    const verdict = await ask(engagement, parent, accountId, wanted);
    if (verdict.kind === 'administers') return { kind: 'verified', accountId, seen: verdict.seen };
    if (verdict.kind === 'unknown') {
      unknown ??= verdict;
      // The next one would not be answered either.
      if (!isOfAccount(verdict.error)) break;
    } else whys.push(`${accountId}: ${verdict.why}`);
  }
  // Whoever could not be asked may be the one.
  if (unknown) return { kind: 'unknown', why: unknown.why, error: unknown.error };
  return {
    kind: 'nobody',
    why: whys.length === 0 ? 'the tenant has no account that is logged in' : whys.slice(0, 3).join('; '),
  };
}

/** The tenant's accounts that may be asked, `first` before the others. */
export async function accountsToAsk(
  { accounts, settings }: Engagement,
  parent: Parent,
  first?: string,
): Promise<string[]> {
  const { accounts: listed } = await accounts.listAccounts(
    { status: AccountStatus.ACTIVE, pageSize: 100 },
    { parent },
  );
  const usable = listed
    .filter(
      ({ state, environment, sessionId }) =>
        environment === settings.environment &&
        sessionId !== 0n &&
        (state === AccountState.AUTHORISED || state === AccountState.LIMITED),
    )
    .map(({ accountId }) => accountId);
  return [...(first === undefined ? [] : [first]), ...usable.filter((id) => id !== first)].slice(
    0,
    MOST_ASKED,
  );
}

export interface KnownTarget {
  readonly channel: string;
  readonly username: string;
  readonly admin_account_id: string;
}

/** Asks again about a target: who administered it last first, then others. */
export async function verifyKnown(
  engagement: Engagement,
  parent: Parent,
  target: KnownTarget,
): Promise<Finding> {
  const { channel, admin_account_id: admin } = target;
  const before = await findAdministrator(engagement, parent, [admin], { name: channel, channel });
  if (before.kind === 'verified' || (before.kind === 'unknown' && !isOfAccount(before.error))) return before;
  const others = (await accountsToAsk(engagement, parent, admin)).slice(1);
  const found = await findAdministrator(engagement, parent, others, { name: channelName(target), channel });
  if (found.kind === 'verified') return found;
  // Who administered it last says more than the others; but whoever could not be asked may be the one.
  return before.kind === 'nobody' && found.kind === 'unknown' ? found : before;
}

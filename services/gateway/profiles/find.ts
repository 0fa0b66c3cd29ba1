import { AccountState, AccountStatus, type Account } from '#gen/telegate/account_auth/v1/account_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import type { CallOptions } from '#lib/rpc/client-state.ts';
import { toDomainError } from '#lib/rpc/status.ts';
import { detail, Refusal } from '../http/answer.ts';
import type { MeshClients } from '../mesh.ts';

type AccountAuth = MeshClients['accountAuth'];

const PAGE = 1_000;
/** Of one answer: who has more asks by phone, or for pages of /accounts/. */
const MOST_PROFILES = 10_000;

export async function allProfiles(accountAuth: AccountAuth, options: CallOptions): Promise<Account[]> {
  const found: Account[] = [];
  let pageToken = '';
  do {
    const page = await accountAuth.listAccounts({ pageSize: PAGE, pageToken }, options);
    found.push(...page.accounts);
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && found.length < MOST_PROFILES);
  return found.slice(0, MOST_PROFILES);
}

/** The one of a phone. */
export async function profileOf(
  accountAuth: AccountAuth,
  phone: string,
  options: CallOptions,
): Promise<Account> {
  try {
    const { account } = await accountAuth.getAccount({ key: { case: 'phone', value: phone } }, options);
    return account!;
  } catch (error) {
    if (toDomainError(error).reason !== ErrorReason.NOT_FOUND) throw error;
    throw new Refusal(detail(404, 'Profile not found: log the phone in by POST /profiles/start'));
  }
}

/** Telegram can be asked as it. */
export function isUsable({ state, status, sessionId }: Account): boolean {
  const isIn = state === AccountState.AUTHORISED || state === AccountState.LIMITED;
  return isIn && status !== AccountStatus.PAUSED && sessionId !== 0n;
}

/** The account as messaging is asked for it; one that has no session can not act, and that is said at once. */
export function actorOf({ accountId, sessionId }: Account) {
  if (sessionId === 0n)
    throw new Refusal(detail(409, 'This profile is not logged in: log its phone in by POST /profiles/start'));
  return { actor: { case: 'accountId', value: accountId } } as const;
}

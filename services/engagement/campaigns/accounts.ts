import { AccountState, AccountStatus, type Account } from '#gen/telegate/account_auth/v1/account_pb.ts';
import { InvalidFields, type DomainError } from '#lib/rpc/errors.ts';
import type { Engagement, Parent } from '../engagement.ts';
import { AccountBanned, NeedsLogin } from '../errors.ts';
import type { AccountChoice, ActionKind } from '../model.ts';
import { MOST_ACCOUNTS } from './requests.ts';

/** Who acts, and what is to be said of those who do not. */
export interface ChosenAccounts {
  readonly accountIds: readonly string[];
  readonly warnings: readonly string[];
}

const ASKED_AT_ONCE = 16;
const PAGE = 1_000;

/** Throws what is wrong with accounts that are named; those found by labels are passed over. */
export async function chooseAccounts(
  engagement: Engagement,
  parent: Parent,
  choice: AccountChoice,
  kind: ActionKind,
): Promise<ChosenAccounts> {
  const most = choice.maxCount || MOST_ACCOUNTS;
  if (choice.accountIds.length > 0) {
    const named = choice.accountIds.slice(0, most);
    await checkNamed(engagement, parent, named, kind);
    const left = choice.accountIds.length - named.length;
    return {
      accountIds: named,
      warnings: left > 0 ? [`${left} of the accounts are left out: max_count is ${most}`] : [],
    };
  }
  return chooseByLabels(engagement, parent, choice, { most, kind });
}

async function checkNamed(
  { accounts, settings }: Engagement,
  parent: Parent,
  accountIds: readonly string[],
  kind: ActionKind,
): Promise<void> {
  for (let start = 0; start < accountIds.length; start += ASKED_AT_ONCE)
    await Promise.all(
      accountIds.slice(start, start + ASKED_AT_ONCE).map(async (accountId, index) => {
        const { account } = await accounts.getAccount(
          { key: { case: 'accountId', value: accountId } },
          { parent },
        );
        const fault = faultOf(account!, settings.environment, kind);
        if (fault) throw errorOf(fault, accountId, start + index);
      }),
    );
}

async function chooseByLabels(
  { accounts, settings }: Engagement,
  parent: Parent,
  { labels }: AccountChoice,
  { most, kind }: { most: number; kind: ActionKind },
): Promise<ChosenAccounts> {
  const chosen: string[] = [];
  const passedOver = new Map<string, number>();
  for (let pageToken = ''; ;) {
    const page = await accounts.listAccounts(
      { labels: { ...labels }, pageSize: PAGE, pageToken },
      { parent },
    );
    for (const account of page.accounts) {
      const fault = faultOf(account, settings.environment, kind);
      if (!fault) chosen.push(account.accountId);
      else passedOver.set(fault.brief, (passedOver.get(fault.brief) ?? 0) + 1);
      if (chosen.length === most) break;
    }
    pageToken = page.nextPageToken;
    if (pageToken === '' || chosen.length >= most) break;
  }
  const warnings = [...passedOver].map(([why, count]) => `${count} with these labels ${why}`);
  if (chosen.length === 0)
    throw new InvalidFields([
      {
        field: 'campaign.accounts.labels',
        description:
          warnings.length === 0
            ? 'no account has these labels; label some, or name accounts by account_ids'
            : `no account with these labels can act: ${warnings.join('; ')}`,
      },
    ]);
  return { accountIds: chosen, warnings };
}

interface Fault {
  readonly kind: 'login' | 'banned' | 'frozen' | 'field';
  /** Ends "3 of them …". */
  readonly brief: string;
}

function field(brief: string): Fault {
  return { kind: 'field', brief };
}

/** What keeps an account out of campaigns. One that never logged in here was made elsewhere, by whomever. */
function faultOf(account: Account, environment: string, kind: ActionKind): Fault | undefined {
  const { state, status, loginTime } = account;
  if (account.environment !== environment) return field('belong to another Telegram');
  if (status === AccountStatus.PAUSED) return field('are paused by their owner');
  if (state === AccountState.BANNED) return { kind: 'banned', brief: 'are banned' };
  if (state === AccountState.FROZEN) return { kind: 'frozen', brief: 'are frozen' };
  if (loginTime === undefined)
    return { kind: 'login', brief: 'came from files and never logged in here, by code or QR' };
  if (state === AccountState.NEEDS_LOGIN || state === AccountState.NEW || account.sessionId === 0n)
    return { kind: 'login', brief: 'must log in again' };
  if (state === AccountState.LIMITED && kind !== 'view') return field('are limited by Telegram');
  return undefined;
}

function errorOf({ kind, brief }: Fault, accountId: string, index: number): DomainError {
  switch (kind) {
    case 'banned':
    case 'frozen':
      return new AccountBanned(accountId, kind);
    case 'login':
      return new NeedsLogin(
        accountId,
        `The account ${accountId} can not act in campaigns: such accounts ${brief}. Log it in by code or QR ` +
          '(StartLogin, StartQrLogin), or leave it out.',
      );
    case 'field':
      return new InvalidFields([
        {
          field: `campaign.accounts.account_ids[${index}]`,
          description: `is one of those that ${brief}; leave it out`,
        },
      ]);
  }
}

import type { Account } from '#gen/telegate/account_auth/v1/account_pb.ts';
import type { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { Misuse } from './misuse.ts';
import type { Service } from './service.ts';

type Accounts = Service<typeof AccountAuthService>;

/** How the help writes it. */
export const ACCOUNT = 'ACCOUNT';
export const NAMING = 'ACCOUNT is an id, a phone (+7…), session:ID, or a name that only one account has.';

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

export async function findAccount(accounts: Accounts, text: string): Promise<Account> {
  const key = keyOf(text);
  if (key !== undefined) return (await accounts.call((client) => client.getAccount({ key }))).account!;
  const page = await accounts.call((client) => client.listAccounts({ query: text, pageSize: 1_000 }));
  const named = page.accounts.filter(({ name, username }) => name === text || `@${username}` === text);
  if (named.length === 1) return named[0]!;
  throw new Misuse(
    named.length === 0
      ? `No account is called ${JSON.stringify(text)}. See: telegate accounts list.`
      : `${named.length} accounts are called ${JSON.stringify(text)}: name one by id or phone, as telegate accounts list shows them.`,
  );
}

/** Phones and ids need not be asked for where an id is all that is wanted. */
export async function findAccountId(accounts: () => Accounts, text: string): Promise<string> {
  return isUuid(text) ? text : (await findAccount(accounts(), text)).accountId;
}

type AccountKey =
  | { case: 'accountId'; value: string }
  | { case: 'phone'; value: string }
  | { case: 'sessionId'; value: bigint };

function keyOf(text: string): AccountKey | undefined {
  if (text === '') throw new Misuse('The account is empty.');
  if (isUuid(text)) return { case: 'accountId', value: text };
  if (text.startsWith('+')) return { case: 'phone', value: text };
  if (!text.startsWith('session:')) return undefined;
  const id = text.slice('session:'.length);
  if (!/^[1-9]\d{0,17}$/.test(id)) throw new Misuse('session: must be followed by the number of a session.');
  return { case: 'sessionId', value: BigInt(id) };
}

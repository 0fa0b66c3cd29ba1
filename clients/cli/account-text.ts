import {
  AccountStateSchema,
  AccountStatusSchema,
  type Account,
  type AccountState,
  type AccountStatus,
} from '#gen/telegate/account_auth/v1/account_pb.ts';
import { sheet, table } from './terminal/table.ts';
import { moment } from './terminal/times.ts';
import { enumNames, labelsText, nameOf } from './values.ts';

export const accountStates: Map<string, AccountState> = enumNames(AccountStateSchema);
export const accountStatuses: Map<string, AccountStatus> = enumNames(AccountStatusSchema);

export function accountTable(accounts: readonly Account[], now: number): string {
  return table(
    ['ACCOUNT', 'PHONE', 'NAME', 'STATUS', 'STATE', 'SESSION', 'LABELS', 'LAST LOGIN'],
    accounts.map((account) => [
      account.accountId,
      orDash(account.phone),
      account.name,
      nameOf(accountStatuses, account.status),
      nameOf(accountStates, account.state),
      sessionOf(account),
      labelsText(account.labels),
      moment(account.loginTime, now),
    ]),
  );
}

export function accountSheet(account: Account, now: number): string {
  const state = nameOf(accountStates, account.state);
  return sheet([
    ['id', account.accountId],
    ['name', account.name],
    ['phone', orDash(account.phone)],
    ['status', nameOf(accountStatuses, account.status)],
    ['state', account.stateReason === '' ? state : `${state}: ${account.stateReason}`],
    ['session', sessionOf(account)],
    ['labels', labelsText(account.labels)],
    ['username', account.username === '' ? '–' : `@${account.username}`],
    ['environment', account.environment],
    ['without proxy', account.allowDirect ? 'allowed' : 'not allowed'],
    ['created', moment(account.createTime, now)],
    ['logged in', moment(account.loginTime, now)],
    ['checked', moment(account.checkTime, now)],
  ]);
}

function sessionOf({ sessionId }: Account): string {
  return sessionId === 0n ? '–' : String(sessionId);
}

function orDash(text: string): string {
  return text === '' ? '–' : text;
}

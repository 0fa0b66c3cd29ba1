import { AccountState, AccountStatus, type Account } from '#gen/telegate/account_auth/v1/account_pb.ts';
import type {
  GetAccountRequest,
  ListAccountsRequest,
  UpdateAccountRequest,
} from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { readPageToken } from '#lib/requests/page-token.ts';
import * as validate from '#lib/requests/validate.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import { phoneNumber } from '../login/phone.ts';
import { stateNameOf, type StateName } from './model.ts';
import type { AccountKey, NewAccount } from './store.ts';

const NAME_LENGTH = 128;
const QUERY_LENGTH = 128;
const ETAG_LENGTH = 64;
const STATUSES = Object.values(AccountStatus);
const STATES = Object.values(AccountState);

function name(violations: FieldViolation[], field: string, value: string): string {
  return validate.text(violations, field, value, { min: 1, max: NAME_LENGTH });
}

function labels(violations: FieldViolation[], field: string, value: Readonly<Record<string, string>>) {
  return validate.labels(violations, field, value, { max: validate.LABELS_A_SESSION });
}

function status(violations: FieldViolation[], field: string, value: AccountStatus): AccountStatus {
  return validate.oneOf(violations, field, value, STATUSES, 'send ACTIVE or PAUSED, or none');
}

/** `environment` is the deployment's own, and the only one that accounts can be made for. */
export function readNewAccount(
  violations: FieldViolation[],
  account: Account | undefined,
  { tenantId, environment }: { tenantId: string; environment: string },
): NewAccount {
  if (!account) violations.push({ field: 'account', description: 'is missing; send the account to record' });
  const wanted = validate.text(violations, 'account.environment', account?.environment ?? '', { max: 64 });
  if (wanted !== '' && wanted !== environment)
    violations.push({
      field: 'account.environment',
      description: `is not the Telegram of this deployment; send ${environment}, or none`,
    });
  const wish = {
    name: name(violations, 'account.name', account?.name ?? ''),
    phone: phoneNumber(violations, 'account.phone', account?.phone ?? ''),
    paused: status(violations, 'account.status', account?.status ?? 0) === AccountStatus.PAUSED,
    labels: labels(violations, 'account.labels', account?.labels ?? {}),
  };
  return { ...wish, tenantId, environment, allowDirect: account?.allowDirect ?? false };
}

export function readKey(violations: FieldViolation[], { key }: GetAccountRequest): AccountKey {
  switch (key.case) {
    case 'accountId':
      return { accountId: validate.uuid(violations, 'account_id', key.value) };
    case 'phone':
      return { phone: phoneNumber(violations, 'phone', key.value) };
    case 'sessionId':
      return { sessionId: validate.sessionId(violations, 'session_id', key.value) };
    case undefined:
      violations.push({
        field: 'account_id',
        description: 'is missing; send it, a phone, or the id of a session',
      });
      return { accountId: '' };
  }
}

/** What is not named is any. */
export interface AccountFilter {
  paused?: boolean;
  state?: StateName;
  labels: Record<string, string>;
  phone: string;
  query: string;
}

export function readList(violations: FieldViolation[], request: ListAccountsRequest, tenantId: string) {
  const wanted = status(violations, 'status', request.status);
  const known = 'send a state that AccountState names, or none';
  const state = stateNameOf(validate.oneOf(violations, 'state', request.state, STATES, known));
  const filter: AccountFilter = {
    ...(wanted === AccountStatus.UNSPECIFIED ? {} : { paused: wanted === AccountStatus.PAUSED }),
    ...(state === undefined ? {} : { state }),
    labels: labels(violations, 'labels', request.labels),
    phone: request.phone === '' ? '' : phoneNumber(violations, 'phone', request.phone),
    query: validate.text(violations, 'query', request.query, { max: QUERY_LENGTH }),
  };
  const filterId = ['ListAccounts', tenantId, filter];
  const limit = validate.pageSize(violations, 'page_size', request.pageSize);
  const after = readPageToken(violations, 'page_token', request.pageToken, filterId);
  return { filter, filterId, limit, after };
}

/** What is not named stays. */
export interface AccountChange {
  accountId: string;
  etag: string;
  name?: string;
  phone?: string;
  paused?: boolean;
  labels?: Record<string, string>;
  allowDirect?: boolean;
}

const FIELDS: readonly string[] = ['name', 'phone', 'status', 'labels', 'allow_direct'];

export function readChange(violations: FieldViolation[], request: UpdateAccountRequest): AccountChange {
  const { account, updateMask } = request;
  const change: AccountChange = {
    accountId: validate.uuid(violations, 'account.account_id', account?.accountId ?? ''),
    etag: validate.text(violations, 'account.etag', account?.etag ?? '', { max: ETAG_LENGTH }),
  };
  // A mask of a million paths is as wrong as one of six, and need not be read to its end.
  const paths = new Set(updateMask?.paths.slice(0, 2 * FIELDS.length));
  if (paths.size === 0 || [...paths].some((path) => !FIELDS.includes(path)))
    violations.push({ field: 'update_mask', description: `must name some of ${FIELDS.join(', ')}` });
  if (paths.has('name')) change.name = name(violations, 'account.name', account?.name ?? '');
  // Nobody takes a number from an account by mistake: an empty one is a fault.
  if (paths.has('phone')) change.phone = phoneNumber(violations, 'account.phone', account?.phone ?? '');
  if (paths.has('status'))
    change.paused = status(violations, 'account.status', account?.status ?? 0) === AccountStatus.PAUSED;
  if (paths.has('labels')) change.labels = labels(violations, 'account.labels', account?.labels ?? {});
  if (paths.has('allow_direct')) change.allowDirect = account?.allowDirect ?? false;
  return change;
}

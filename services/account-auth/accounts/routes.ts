import {
  CreateAccountRequestSchema,
  DeleteAccountRequestSchema,
  type AccountAuthService,
} from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { pageToken } from '#lib/requests/page-token.ts';
import { replayKey } from '#lib/requests/replay.ts';
import * as validate from '#lib/requests/validate.ts';
import { DependencyUnavailable, type FieldViolation } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import type { Accounts } from './accounts.ts';
import { checkAccount } from './check.ts';
import { createAccount } from './create.ts';
import { listAccounts } from './list.ts';
import { logOutAccount } from './log-out.ts';
import { accountMessage, rowsThatFit } from './model.ts';
import { removeAccount } from './removal.ts';
import { readChange, readKey, readList, readNewAccount } from './requests.ts';
import { readAccount } from './store.ts';
import { updateAccount } from './update.ts';
import type { AccountsOnTelegram } from './visit.ts';

export type AccountHandlers = Pick<
  Handlers<typeof AccountAuthService>,
  | 'createAccount'
  | 'getAccount'
  | 'listAccounts'
  | 'updateAccount'
  | 'deleteAccount'
  | 'logOutAccount'
  | 'checkAccount'
>;

/** Where no Telegram is named nothing can be asked there. */
export function accountRoutes(accounts: Accounts, telegram: AccountsOnTelegram | undefined): AccountHandlers {
  const { database, environment } = accounts;
  return {
    async createAccount(request, { principal }) {
      const violations: FieldViolation[] = [];
      const { tenantId } = principal;
      const wish = readNewAccount(violations, request.account, { tenantId, environment });
      const requestId = validate.requestId(violations, 'request_id', request.requestId);
      validate.throwIfAny(violations);
      // Of what is read alone: the rest was not looked at, and may be anything.
      const { name, phone, status, labels, allowDirect } = request.account!;
      const read = create(CreateAccountRequestSchema, {
        account: { name, phone, status, labels, allowDirect, environment: request.account!.environment },
      });
      const replay = replayKey(principal, 'CreateAccount', requestId, CreateAccountRequestSchema, read);
      const response = await createAccount(accounts, wish, replay);
      if (wish.allowDirect) accounts.wakeSettling();
      return response;
    },

    async getAccount(request, { principal }) {
      const violations: FieldViolation[] = [];
      const key = readKey(violations, request);
      validate.throwIfAny(violations);
      return { account: accountMessage(await readAccount(database.kysely, principal.tenantId, key)) };
    },

    async listAccounts(request, { principal: { tenantId } }) {
      const violations: FieldViolation[] = [];
      const { filter, filterId, limit, after } = readList(violations, request, tenantId);
      validate.throwIfAny(violations);
      const rows = await listAccounts(database.kysely, { tenantId, filter, after, limit: limit + 1 });
      const shown = rows.slice(0, rowsThatFit(rows.slice(0, limit)));
      const last = shown.at(-1);
      return {
        accounts: shown.map(accountMessage),
        nextPageToken: last && shown.length < rows.length ? pageToken(filterId, last.ordinal) : '',
      };
    },

    async updateAccount(request, ctx) {
      const violations: FieldViolation[] = [];
      const change = readChange(violations, request);
      validate.throwIfAny(violations);
      return { account: accountMessage(await updateAccount(accounts, change, ctx)) };
    },

    async deleteAccount(request, ctx) {
      const violations: FieldViolation[] = [];
      const accountId = validate.uuid(violations, 'account_id', request.accountId);
      const requestId = validate.requestId(violations, 'request_id', request.requestId);
      validate.throwIfAny(violations);
      const replay = replayKey(
        ctx.principal,
        'DeleteAccount',
        requestId,
        DeleteAccountRequestSchema,
        request,
      );
      await removeAccount(accounts, { accountId, force: request.force, replay }, ctx);
      return {};
    },

    async logOutAccount(request, ctx) {
      const accountId = onlyAccountId(request);
      if (!telegram) throw new DependencyUnavailable('Telegram');
      const { force } = request;
      return { account: accountMessage(await logOutAccount(accounts, telegram, { accountId, force }, ctx)) };
    },

    async checkAccount(request, ctx) {
      const accountId = onlyAccountId(request);
      if (!telegram) throw new DependencyUnavailable('Telegram');
      const { tenantId } = ctx.principal;
      const account = await readAccount(database.kysely, tenantId, { accountId });
      const { row, latencyMs } = await checkAccount(accounts, telegram, account, ctx);
      return { account: accountMessage(row), latency: durationFromMs(Math.ceil(latencyMs)) };
    },
  };
}

function onlyAccountId(request: { accountId: string }): string {
  const violations: FieldViolation[] = [];
  const accountId = validate.uuid(violations, 'account_id', request.accountId);
  validate.throwIfAny(violations);
  return accountId;
}

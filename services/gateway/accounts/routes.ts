import { AccountStatus } from '#gen/telegate/account_auth/v1/account_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import type { CallOptions } from '#lib/rpc/client-state.ts';
import { toDomainError } from '#lib/rpc/status.ts';
import type { DescribedRoutes } from '../docs/openapi.ts';
import { answer, idempotencyKey, listOfRef, object, ref, text as textSchema } from '../docs/schema.ts';
import { json } from '../http/answer.ts';
import { route } from '../http/described.ts';
import type { Exchange } from '../http/exchange.ts';
import { flag, oneOf, optional, text, withDefault } from '../http/fields.ts';
import { counted, pageInput } from '../http/pages.ts';
import { pathId } from '../http/path-id.ts';
import { requestIdOf } from '../http/request-id.ts';
import type { MeshClients } from '../mesh.ts';
import { phone } from '../profiles/routes.ts';
import { accountLoginRoutes } from './login-routes.ts';
import { accountJson, accountSchema } from './shapes.ts';

const TAG = 'accounts';

const name = text({ max: 128, description: 'Your name for it.', example: 'Support' });
const status = oneOf(['active', 'paused'], { description: "The owner's word.", example: 'active' });

const STATUSES = { active: AccountStatus.ACTIVE, paused: AccountStatus.PAUSED } as const;

const notFound = answer('There is none.', ref('Error'));
const conflict = (what: string) => answer(what, ref('Error'));

export function accountId(exchange: Exchange): string {
  return pathId(exchange, 'account_id', 'Account not found');
}

interface AccountChange {
  name?: string | undefined;
  phone?: string | undefined;
  status?: 'active' | 'paused' | undefined;
}

/** The list of Telegram accounts, logged in or not. */
export function accountRoutes({ accountAuth }: Pick<MeshClients, 'accountAuth'>): DescribedRoutes {
  async function change(exchange: Exchange, fields: AccountChange, options: CallOptions) {
    const id = accountId(exchange);
    const paths = Object.entries(fields).flatMap(([field, value]) => (value === undefined ? [] : [field]));
    const account = {
      accountId: id,
      name: fields.name ?? '',
      phone: fields.phone ?? '',
      status: STATUSES[fields.status ?? 'active'],
    };
    const changed =
      paths.length === 0
        ? await accountAuth.getAccount({ key: { case: 'accountId', value: id } }, options)
        : await accountAuth.updateAccount({ account, updateMask: { paths } }, options);
    return json(accountJson(changed.account!));
  }

  return {
    tags: [{ name: TAG, description: 'The list of Telegram accounts, and their logins.' }],
    schemas: {
      Account: accountSchema,
      Deleted: object({ status: { const: 'deleted' }, id: textSchema('What is gone.') }),
      AccountAuthorized: object({ status: { const: 'authorized' }, account: ref('Account') }),
      AccountLoggedOut: object({ status: { const: 'logged_out' }, account: ref('Account') }),
    },
    routes: [
      route({
        method: 'POST',
        path: '/accounts/',
        tag: TAG,
        id: 'createAccount',
        summary: 'Record an account, without logging it in',
        headers: [idempotencyKey],
        input: { name, phone, status: withDefault(status, 'active') },
        answers: {
          201: answer('The account.', ref('Account')),
          409: conflict('The phone is there already.'),
        },
        async handle({ input, exchange, options }) {
          const { account } = await accountAuth.createAccount(
            { account: { ...input, status: STATUSES[input.status] }, requestId: requestIdOf(exchange) },
            options,
          );
          return { status: 201, body: accountJson(account!) };
        },
      }),
      route({
        method: 'GET',
        path: '/accounts/',
        tag: TAG,
        id: 'listAccounts',
        summary: 'Accounts, the oldest first',
        input: {
          status: optional(status),
          phone: optional(phone),
          q: optional(text({ max: 128, description: 'Part of a name, username or phone.', example: 'sup' })),
          ...pageInput,
        },
        answers: { 200: answer('The accounts.', listOfRef('Account')) },
        async handle({ input, options }) {
          const filter = {
            status: input.status === undefined ? AccountStatus.UNSPECIFIED : STATUSES[input.status],
            phone: input.phone ?? '',
            query: input.q ?? '',
          };
          const accounts = await counted(async (pageSize, pageToken) => {
            const page = await accountAuth.listAccounts({ ...filter, pageSize, pageToken }, options);
            return { items: page.accounts, next: page.nextPageToken };
          }, input);
          return json(accounts.map((account) => accountJson(account)));
        },
      }),
      route({
        method: 'GET',
        path: '/accounts/{account_id}',
        tag: TAG,
        id: 'getAccount',
        summary: 'An account',
        input: {},
        answers: { 200: answer('The account.', ref('Account')), 404: notFound },
        handle: ({ exchange, options }) => change(exchange, {}, options),
      }),
      route({
        method: 'PUT',
        path: '/accounts/{account_id}',
        tag: TAG,
        id: 'replaceAccount',
        summary: 'Write an account anew',
        input: { name, phone, status: withDefault(status, 'active') },
        answers: {
          200: answer('The account as it is now.', ref('Account')),
          404: notFound,
          409: conflict('Another account has the phone.'),
        },
        handle: ({ input, exchange, options }) => change(exchange, input, options),
      }),
      route({
        method: 'PATCH',
        path: '/accounts/{account_id}',
        tag: TAG,
        id: 'changeAccount',
        summary: 'Change some of an account',
        input: { name: optional(name), phone: optional(phone), status: optional(status) },
        answers: {
          200: answer('The account as it is now.', ref('Account')),
          404: notFound,
          409: conflict('Another account has the phone.'),
        },
        handle: ({ input, exchange, options }) => change(exchange, input, options),
      }),
      route({
        method: 'DELETE',
        path: '/accounts/{account_id}',
        tag: TAG,
        id: 'deleteAccount',
        summary: 'Delete an account',
        details: 'Its session leaves the pool and its key is destroyed, without logging out at Telegram.',
        input: {
          force: withDefault(
            flag({ description: 'Though it is leased: the lease ends.', example: false }),
            false,
          ),
        },
        answers: {
          200: answer('It is gone.', ref('Deleted')),
          404: notFound,
          409: conflict('Its session is leased.'),
        },
        async handle({ input: { force }, exchange, options }) {
          const id = accountId(exchange);
          await deleteAccount(accountAuth, { accountId: id, force }, options);
          return json({ status: 'deleted', id });
        },
      }),
      ...accountLoginRoutes(accountAuth),
    ],
  };
}

/** A socket that nobody uses any more is no lease of anybody: it closes by itself. */
async function deleteAccount(
  accountAuth: MeshClients['accountAuth'],
  wanted: { accountId: string; force: boolean },
  options: CallOptions,
): Promise<void> {
  try {
    await accountAuth.deleteAccount(wanted, options);
  } catch (error) {
    if (toDomainError(error).reason !== ErrorReason.EGRESS_CLAIMED) throw error;
    await accountAuth.deleteAccount({ ...wanted, force: true }, options);
  }
}

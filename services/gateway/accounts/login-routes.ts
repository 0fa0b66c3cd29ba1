import { LoginState } from '#gen/telegate/account_auth/v1/account_pb.ts';
import type { CallOptions } from '#lib/rpc/client-state.ts';
import { answer, ref } from '../docs/schema.ts';
import { detail, json, Refusal } from '../http/answer.ts';
import { route, type DescribedRoute } from '../http/described.ts';
import { flag, optional, text, textOrNumber, withDefault } from '../http/fields.ts';
import { pathId } from '../http/path-id.ts';
import type { MeshClients } from '../mesh.ts';
import { passwordRequired, startLogin, submitCode, submitPassword } from '../profiles/login.ts';
import { accountJson } from './shapes.ts';

const TAG = 'accounts';

const notFound = answer('There is none.', ref('Error'));

/** Login of an account in the list, by its phone, and out. */
export function accountLoginRoutes(accountAuth: MeshClients['accountAuth']): DescribedRoute[] {
  async function phoneOf(accountId: string, options: CallOptions): Promise<string> {
    const key = { case: 'accountId' as const, value: accountId };
    const { account } = await accountAuth.getAccount({ key }, options);
    if (account!.phone === '')
      throw new Refusal(detail(409, 'The phone of this account is not known: set it by PATCH first'));
    return account!.phone;
  }

  return [
    route({
      method: 'POST',
      path: '/accounts/{account_id}/send-code',
      tag: TAG,
      id: 'sendCode',
      summary: 'Have Telegram send a login code',
      input: {},
      answers: {
        200: answer('The code is on its way.', ref('LoginStarted')),
        404: notFound,
        409: answer('Somebody else is logging it in, or its phone is not known.', ref('Error')),
      },
      async handle({ exchange, options }) {
        const phone = await phoneOf(pathId(exchange, 'account_id', 'Account not found'), options);
        return json(await startLogin(accountAuth, phone, options, exchange.edge.clock));
      },
    }),
    route({
      method: 'POST',
      path: '/accounts/{account_id}/sign-in',
      tag: TAG,
      id: 'signIn',
      summary: 'Hand in the code, the password, or both',
      input: {
        code: optional(textOrNumber({ description: 'As it came.', example: '12345' })),
        password: optional(text({ max: 1_024, description: "The account's own." }, 'secret')),
      },
      answers: {
        200: answer('Logged in, or the password is next.', {
          anyOf: [ref('AccountAuthorized'), ref('PasswordRequired')],
        }),
        404: notFound,
        409: answer('Its phone is not known.', ref('Error')),
      },
      async handle({ input: { code, password }, exchange, options }) {
        if (code === undefined && password === undefined)
          throw new Refusal(detail(422, [{ loc: ['body', 'code'], msg: 'Field required', type: 'missing' }]));
        const phone = await phoneOf(pathId(exchange, 'account_id', 'Account not found'), options);
        let step = code === undefined ? undefined : await submitCode(accountAuth, { phone, code }, options);
        if (password !== undefined && (!step || step.login.state === LoginState.PASSWORD_NEEDED))
          step = await submitPassword(accountAuth, { phone, password }, options);
        const { login, account } = step!;
        return json(
          account ? { status: 'authorized', account: accountJson(account) } : passwordRequired(login),
        );
      },
    }),
    route({
      method: 'POST',
      path: '/accounts/{account_id}/logout',
      tag: TAG,
      id: 'logOutAccount',
      summary: 'Log out at Telegram',
      input: {
        force: withDefault(
          flag({ description: 'Though it is leased: the lease ends.', example: false }),
          false,
        ),
      },
      answers: {
        200: answer('Logged out; its session is gone.', ref('AccountLoggedOut')),
        404: notFound,
        409: answer('Its session is leased.', ref('Error')),
      },
      async handle({ input: { force }, exchange, options }) {
        const accountId = pathId(exchange, 'account_id', 'Account not found');
        const { account } = await accountAuth.logOutAccount({ accountId, force }, options);
        return json({ status: 'logged_out', account: accountJson(account!) });
      },
    }),
  ];
}

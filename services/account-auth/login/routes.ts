import {
  StartLoginRequestSchema,
  StartQrLoginRequestSchema,
  type AccountAuthService,
} from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { NotFound, type FieldViolation } from '#lib/rpc/errors.ts';
import type { CallContext, Handlers } from '#lib/rpc/implement.ts';
import * as validate from '#lib/requests/validate.ts';
import { accountMessage } from '../accounts/model.ts';
import { findAccount } from '../accounts/store.ts';
import { cancelLogin } from './cancel.ts';
import type { LoginName } from './claim.ts';
import { resendCode, submitCode } from './code.ts';
import { TelegramNotNamed } from './errors.ts';
import type { Logins } from './logins.ts';
import { loginMessage } from './messages.ts';
import { submitPassword } from './password.ts';
import { phoneNumber } from './phone.ts';
import { showQr } from './qr.ts';
import { readCode, readLoginId, readPassword, readStart } from './requests.ts';
import { startLogin } from './start.ts';
import { findNewestByPhone, readLogin } from './store.ts';
import type { LoginRow } from './tables.ts';

export type LoginHandlers = Pick<
  Handlers<typeof AccountAuthService>,
  'startLogin' | 'resendCode' | 'submitCode' | 'submitPassword' | 'startQrLogin' | 'cancelLogin' | 'getLogin'
>;

/** Where no Telegram is named nobody can log in. */
export function loginRoutes(named: Logins | undefined): LoginHandlers {
  if (!named) return withoutTelegram;
  const logins = named;

  async function withAccount(row: LoginRow) {
    const { tenant_id: tenantId, account_id: accountId, state } = row;
    const account =
      state === 'authorised' && accountId !== null
        ? await findAccount(logins.database.kysely, tenantId, { accountId })
        : undefined;
    return { login: loginMessage(row), ...(account ? { account: accountMessage(account) } : {}) };
  }

  return {
    async startLogin(request, ctx) {
      const wish = readStart(logins, ctx.principal, { schema: StartLoginRequestSchema, request });
      return { login: loginMessage(await startLogin(logins, wish, ctx)) };
    },

    async resendCode(request, ctx) {
      const row = await resendCode(logins, readName(request, ctx), ctx);
      return { login: loginMessage(row) };
    },

    async submitCode(request, ctx) {
      const violations: FieldViolation[] = [];
      const loginId = readLoginId(violations, request.loginId);
      const code = readCode(violations, request.code);
      validate.throwIfAny(violations);
      return withAccount(await submitCode(logins, { tenantId: ctx.principal.tenantId, loginId }, code, ctx));
    },

    async submitPassword(request, ctx) {
      const violations: FieldViolation[] = [];
      const loginId = readLoginId(violations, request.loginId);
      const password = readPassword(violations, request.password);
      validate.throwIfAny(violations);
      return withAccount(
        await submitPassword(logins, { tenantId: ctx.principal.tenantId, loginId }, password, ctx),
      );
    },

    async startQrLogin(request, out, ctx) {
      const wish = readStart(logins, ctx.principal, { schema: StartQrLoginRequestSchema, request });
      const row = await showQr(logins, wish, ctx, (shown) =>
        out.send({ ...shown, login: loginMessage(shown.row) }),
      );
      await out.send(await withAccount(row));
    },

    async cancelLogin(request, ctx) {
      return { login: loginMessage(await cancelLogin(logins, readName(request, ctx), ctx)) };
    },

    async getLogin(request, ctx) {
      const row =
        request.phone === ''
          ? await readLogin(logins.database.kysely, readName(request, ctx))
          : await readOwnByPhone(logins, request, ctx);
      return { login: loginMessage(row) };
    },
  };
}

/** Who began it: two of a tenant who log in the same phone must not hand in each other's codes. */
async function readOwnByPhone(
  { database, telegram }: Logins,
  request: { loginId: string; phone: string },
  { principal: { tenantId, subject } }: CallContext,
): Promise<LoginRow> {
  const violations: FieldViolation[] = [];
  const phone = phoneNumber(violations, 'phone', request.phone);
  if (request.loginId !== '')
    violations.push({ field: 'phone', description: 'is sent along with a login_id; send one of the two' });
  validate.throwIfAny(violations);
  const environment = telegram.environment.id;
  const row = await findNewestByPhone(database.kysely, { tenantId, environment, phone });
  if (row?.subject !== subject) throw new NotFound('login', phone);
  return row;
}

function readName(request: { loginId: string }, { principal }: CallContext): LoginName {
  const violations: FieldViolation[] = [];
  const loginId = readLoginId(violations, request.loginId);
  validate.throwIfAny(violations);
  return { tenantId: principal.tenantId, loginId };
}

const refuse = (): Promise<never> => Promise.reject(new TelegramNotNamed());

const withoutTelegram: LoginHandlers = {
  startLogin: refuse,
  resendCode: refuse,
  submitCode: refuse,
  submitPassword: refuse,
  startQrLogin: refuse,
  cancelLogin: refuse,
  getLogin: refuse,
};

import { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { implement, type Handlers, type Implementation } from '#lib/rpc/implement.ts';

export function accountAuthRoutes(handlers: Handlers<typeof AccountAuthService>): Implementation {
  return implement(AccountAuthService, handlers, {
    startLogin: 'account:write',
    resendCode: 'account:write',
    submitCode: 'account:write',
    submitPassword: 'account:write',
    startQrLogin: 'account:write',
    cancelLogin: 'account:write',
    getLogin: 'account:read',
    createAccount: 'account:write',
    getAccount: 'account:read',
    listAccounts: 'account:read',
    updateAccount: 'account:write',
    deleteAccount: 'account:write',
    logOutAccount: 'account:write',
    checkAccount: 'account:read',
  });
}

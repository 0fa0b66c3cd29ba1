import {
  AccountAuthService,
  LogOutAccountResponseSchema,
} from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { accountSheet } from '../account-text.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { ACCOUNT, findAccountId, NAMING } from '../named-account.ts';

const LIMIT_MS = 30_000;

export const accountsLogout = command({
  name: 'accounts logout',
  summary: 'logs an account out at Telegram and removes its session; the account stays on record',
  detail: NAMING,
  operands: [ACCOUNT],
  options: { force: { type: 'boolean', doc: 'even if its session is leased; the holder loses it' } },
  examples: ['telegate accounts logout +15551234567'],
  async run({ operands, values, service, out, clock }) {
    const accounts = service(AccountAuthService);
    const accountId = await findAccountId(() => accounts, operands[0]!);
    const request = { accountId, force: values.force === true };
    const response = await accounts.call((client) => client.logOutAccount(request, { deadlineMs: LIMIT_MS }));
    out.answer(LogOutAccountResponseSchema, response, () => accountSheet(response.account!, clock.now()));
    return exitCode.ok;
  },
});

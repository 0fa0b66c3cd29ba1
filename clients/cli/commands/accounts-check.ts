import {
  AccountAuthService,
  CheckAccountResponseSchema,
} from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { accountSheet } from '../account-text.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { ACCOUNT, findAccountId, NAMING } from '../named-account.ts';
import { spanOf } from '../terminal/times.ts';

const LIMIT_MS = 30_000;

export const accountsCheck = command({
  name: 'accounts check',
  summary: 'asks Telegram whether an account works, and corrects what is known of it',
  detail: NAMING,
  operands: [ACCOUNT],
  options: {},
  examples: ['telegate accounts check +15551234567'],
  async run({ operands, service, out, clock }) {
    const accounts = service(AccountAuthService);
    const accountId = await findAccountId(() => accounts, operands[0]!);
    const response = await accounts.call((client) =>
      client.checkAccount({ accountId }, { deadlineMs: LIMIT_MS }),
    );
    const { account, latency } = response;
    out.answer(
      CheckAccountResponseSchema,
      response,
      () =>
        `${accountSheet(account!, clock.now())}${latency ? `\nTelegram answered in ${spanOf(latency)}.` : ''}`,
    );
    return exitCode.ok;
  },
});

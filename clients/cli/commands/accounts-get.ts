import { create } from '@bufbuild/protobuf';
import {
  AccountAuthService,
  GetAccountResponseSchema,
} from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { accountSheet } from '../account-text.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { ACCOUNT, findAccount, NAMING } from '../named-account.ts';

export const accountsGet = command({
  name: 'accounts get',
  summary: 'one account',
  detail: NAMING,
  operands: [ACCOUNT],
  options: {},
  examples: ['telegate accounts get +15551234567', 'telegate accounts get session:17 --json'],
  async run({ operands, service, out, clock }) {
    const account = await findAccount(service(AccountAuthService), operands[0]!);
    out.answer(GetAccountResponseSchema, create(GetAccountResponseSchema, { account }), () =>
      accountSheet(account, clock.now()),
    );
    return exitCode.ok;
  },
});

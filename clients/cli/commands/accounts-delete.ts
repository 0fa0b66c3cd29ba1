import { randomUUID } from 'node:crypto';
import {
  AccountAuthService,
  DeleteAccountResponseSchema,
} from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { ACCOUNT, findAccount, NAMING } from '../named-account.ts';
import { plain } from '../terminal/table.ts';

export const accountsDelete = command({
  name: 'accounts delete',
  summary: 'removes an account and destroys its key, without logging out; there is no way back',
  detail: `${NAMING}\nTo end the session at Telegram too, telegate accounts logout comes first.`,
  operands: [ACCOUNT],
  options: { force: { type: 'boolean', doc: 'even if its session is leased; the holder loses it' } },
  examples: ['telegate accounts delete +15551234567'],
  async run({ operands, values, service, out }) {
    const accounts = service(AccountAuthService);
    const { accountId, name, phone } = await findAccount(accounts, operands[0]!);
    const request = { accountId, force: values.force === true, requestId: randomUUID() };
    const response = await accounts.call((client) => client.deleteAccount(request));
    out.answer(
      DeleteAccountResponseSchema,
      response,
      () => `The account ${plain([phone, name].filter(Boolean).join(' '))} is deleted.`,
    );
    return exitCode.ok;
  },
});

import { randomUUID } from 'node:crypto';
import { AccountStatus } from '#gen/telegate/account_auth/v1/account_pb.ts';
import {
  AccountAuthService,
  CreateAccountResponseSchema,
} from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { accountSheet } from '../account-text.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { readLabels } from '../values.ts';

export const accountsCreate = command({
  name: 'accounts create',
  summary: 'records an account; telegate login logs it in',
  operands: ['PHONE', 'NAME'],
  options: {
    label: { type: 'string', value: 'KEY=VALUE', multiple: true, doc: 'a label of the session to be' },
    paused: { type: 'boolean', doc: 'it is not offered for leases until it is resumed' },
    'allow-direct': { type: 'boolean', doc: 'it may connect without a proxy' },
    environment: {
      type: 'string',
      value: 'ID',
      doc: "the Telegram it belongs to (default: the deployment's)",
    },
  },
  examples: ['telegate accounts create +15551234567 support-1 --label team=support'],
  async run({ operands, values, service, out, clock }) {
    const [phone, name] = operands as [string, string];
    const account = {
      phone,
      name,
      status: values.paused === true ? AccountStatus.PAUSED : AccountStatus.ACTIVE,
      labels: readLabels('--label', values.label),
      allowDirect: values['allow-direct'] === true,
      environment: values.environment ?? '',
    };
    const requestId = randomUUID();
    const response = await service(AccountAuthService).call((client) =>
      client.createAccount({ account, requestId }),
    );
    out.answer(CreateAccountResponseSchema, response, () => accountSheet(response.account!, clock.now()));
    return exitCode.ok;
  },
});

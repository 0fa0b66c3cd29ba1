import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { AccountStatus, type Account } from '#gen/telegate/account_auth/v1/account_pb.ts';
import {
  AccountAuthService,
  UpdateAccountResponseSchema,
  type UpdateAccountResponse,
} from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { RpcError } from '#lib/rpc/status.ts';
import { accountSheet } from '../account-text.ts';
import { command, type Command, type Invocation } from '../command.ts';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { Misuse } from '../misuse.ts';
import { ACCOUNT, findAccount, NAMING } from '../named-account.ts';
import { readLabelChanges, readSwitch } from '../values.ts';

type Change = Partial<Pick<Account, 'name' | 'phone' | 'status' | 'labels' | 'allowDirect'>>;

const maskNames: Readonly<Record<keyof Change, string>> = {
  name: 'name',
  phone: 'phone',
  status: 'status',
  labels: 'labels',
  allowDirect: 'allow_direct',
};

const ATTEMPTS = 5;

export const accountsUpdate = command({
  name: 'accounts update',
  summary: 'changes what is named of an account; the rest stays',
  detail: NAMING,
  operands: [ACCOUNT],
  options: {
    name: { type: 'string', value: 'NAME', doc: 'its name' },
    phone: { type: 'string', value: '+…', doc: 'its phone' },
    label: { type: 'string', value: 'KEY=VALUE|KEY-', multiple: true, doc: 'sets a label, or removes one' },
    'allow-direct': { type: 'string', value: 'yes|no', doc: 'whether it may connect without a proxy' },
  },
  examples: ['telegate accounts update support-1 --name support-2 --label tier=2 --label old-'],
  async run(call) {
    const { values } = call;
    const relabel = readLabelChanges('--label', values.label);
    const allowDirect = readSwitch('--allow-direct', values['allow-direct']);
    const { name, phone } = values;
    if (name === undefined && phone === undefined && relabel === undefined && allowDirect === undefined)
      throw new Misuse('Say what to change: --name, --phone, --label or --allow-direct.');
    return await update(call, ({ labels }) => ({
      ...(name === undefined ? {} : { name }),
      ...(phone === undefined ? {} : { phone }),
      ...(relabel === undefined ? {} : { labels: relabel(labels) }),
      ...(allowDirect === undefined ? {} : { allowDirect }),
    }));
  },
});

export const accountsPause: Command = statusCommand(
  'pause',
  'keeps an account logged in and offers it to nobody; leases that are held go on',
  AccountStatus.PAUSED,
);
export const accountsResume: Command = statusCommand(
  'resume',
  'offers a paused account again',
  AccountStatus.ACTIVE,
);

function statusCommand(word: string, summary: string, status: AccountStatus): Command {
  return command({
    name: `accounts ${word}`,
    summary,
    detail: NAMING,
    operands: [ACCOUNT],
    options: {},
    examples: [`telegate accounts ${word} +15551234567`],
    run: (call) => update(call, () => ({ status })),
  });
}

/** A change of somebody else in between is read and kept. */
async function update(
  { operands, service, out, clock }: Pick<Invocation, 'operands' | 'service' | 'out' | 'clock'>,
  changeOf: (account: Account) => Change,
): Promise<ExitCode> {
  const accounts = service(AccountAuthService);
  let response: UpdateAccountResponse | undefined;
  for (let attempt = 1; response === undefined; attempt += 1) {
    const account = await findAccount(accounts, operands[0]!);
    const change = changeOf(account);
    const paths = (Object.keys(change) as (keyof Change)[]).map((key) => maskNames[key]);
    try {
      response = await accounts.call((client) =>
        client.updateAccount({
          account: { accountId: account.accountId, etag: account.etag, ...change },
          updateMask: { paths },
        }),
      );
    } catch (error) {
      const changed = error instanceof RpcError && error.reason === ErrorReason.ETAG_MISMATCH;
      if (!changed || attempt === ATTEMPTS) throw error;
    }
  }
  const { account } = response;
  out.answer(UpdateAccountResponseSchema, response, () => accountSheet(account!, clock.now()));
  return exitCode.ok;
}

import { create } from '@bufbuild/protobuf';
import {
  AccountAuthService,
  ListAccountsResponseSchema,
} from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { accountStates, accountStatuses, accountTable } from '../account-text.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { gather, limitOption, readLimit, thereAreMore } from '../pages.ts';
import { readEnum, readLabels } from '../values.ts';

export const accountsList = command({
  name: 'accounts list',
  summary: 'the Telegram accounts of the tenant',
  operands: [],
  options: {
    status: { type: 'string', value: 'STATUS', doc: [...accountStatuses.keys()].join(', ') },
    state: { type: 'string', value: 'STATE', doc: [...accountStates.keys()].join(', ') },
    label: { type: 'string', value: 'KEY=VALUE', multiple: true, doc: 'only with all of these labels' },
    query: { type: 'string', value: 'TEXT', doc: 'only if name, username or phone contains it' },
    limit: limitOption,
  },
  examples: [
    'telegate accounts list',
    'telegate accounts list --state needs_login --label team=support',
    "telegate accounts list --json | jq -r '.accounts[].phone'",
  ],
  async run({ values, service, out, clock }) {
    const filter = {
      status: readEnum('--status', values.status, accountStatuses) ?? 0,
      state: readEnum('--state', values.state, accountStates) ?? 0,
      labels: readLabels('--label', values.label),
      query: values.query ?? '',
    };
    const limit = readLimit(values.limit);
    const accounts = service(AccountAuthService);
    const { found, nextPageToken } = await gather(limit, async (page) => {
      const answer = await accounts.call((client) => client.listAccounts({ ...filter, ...page }));
      return { items: answer.accounts, nextPageToken: answer.nextPageToken };
    });
    const listed = create(ListAccountsResponseSchema, { accounts: found, nextPageToken });
    out.answer(ListAccountsResponseSchema, listed, () =>
      found.length === 0 ? 'No accounts.' : accountTable(found, clock.now()),
    );
    if (nextPageToken !== '') out.note(thereAreMore(limit));
    return exitCode.ok;
  },
});

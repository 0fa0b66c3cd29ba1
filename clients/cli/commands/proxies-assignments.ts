import { create } from '@bufbuild/protobuf';
import { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import {
  AssignmentPolicySchema,
  AssignmentStateSchema,
  type AssignmentPolicy,
  type AssignmentState,
} from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import {
  ListAssignmentsResponseSchema,
  ProxyRegistryService,
} from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { findAccountId } from '../named-account.ts';
import { allProxies, findProxyId } from '../named-proxy.ts';
import { gather, limitOption, readLimit, thereAreMore } from '../pages.ts';
import { addressOf } from '../proxy-text.ts';
import { table } from '../terminal/table.ts';
import { moment } from '../terminal/times.ts';
import { enumNames, nameOf, readEnum } from '../values.ts';

const states: Map<string, AssignmentState> = enumNames(AssignmentStateSchema);
const policies: Map<string, AssignmentPolicy> = enumNames(AssignmentPolicySchema);

export const proxiesAssignments = command({
  name: 'proxies assignments',
  summary: 'which account is on which proxy',
  operands: [],
  options: {
    proxy: { type: 'string', value: 'PROXY', doc: 'only of this proxy: its id, host:port or name' },
    account: { type: 'string', value: 'ACCOUNT', doc: 'only of this account: its id, phone or name' },
    state: { type: 'string', value: 'STATE', doc: [...states.keys()].join(', ') },
    limit: limitOption,
  },
  examples: ['telegate proxies assignments', 'telegate proxies assignments --state waiting'],
  async run({ values, service, out, clock }) {
    const registry = service(ProxyRegistryService);
    const state = readEnum('--state', values.state, states) ?? 0;
    const limit = readLimit(values.limit);
    const filter = {
      state,
      proxyId: values.proxy === undefined ? '' : await findProxyId(registry, values.proxy),
      accountId:
        values.account === undefined
          ? ''
          : await findAccountId(() => service(AccountAuthService), values.account),
    };
    const { found, nextPageToken } = await gather(limit, async (page) => {
      const answer = await registry.call((client) => client.listAssignments({ ...filter, ...page }));
      return { items: answer.assignments, nextPageToken: answer.nextPageToken };
    });
    const addresses = new Map(
      out.isJson ? [] : (await allProxies(registry)).map((proxy) => [proxy.proxyId, addressOf(proxy)]),
    );
    const listed = create(ListAssignmentsResponseSchema, { assignments: found, nextPageToken });
    out.answer(ListAssignmentsResponseSchema, listed, () =>
      found.length === 0
        ? 'No assignments.'
        : table(
            ['ACCOUNT', 'SESSION', 'PROXY', 'STATE', 'POLICY', 'IN USE', 'SINCE'],
            found.map((one) => [
              one.accountId === '' ? '–' : one.accountId,
              one.sessionId === 0n ? '–' : String(one.sessionId),
              one.proxyId === '' ? '–' : (addresses.get(one.proxyId) ?? one.proxyId),
              nameOf(states, one.state),
              nameOf(policies, one.policy),
              one.inUse ? 'yes' : 'no',
              moment(one.assignTime, clock.now()),
            ]),
          ),
    );
    if (nextPageToken !== '') out.note(thereAreMore(limit));
    return exitCode.ok;
  },
});

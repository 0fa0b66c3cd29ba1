import { create } from '@bufbuild/protobuf';
import {
  ListProxiesResponseSchema,
  ProxyRegistryService,
} from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { gather, limitOption, readLimit, thereAreMore } from '../pages.ts';
import { proxyStates, proxyTable } from '../proxy-text.ts';
import { readEnum, readLabels } from '../values.ts';

export const proxiesList = command({
  name: 'proxies list',
  summary: 'the proxies, how they do and how many accounts they have',
  operands: [],
  options: {
    state: { type: 'string', value: 'STATE', doc: [...proxyStates.keys()].join(', ') },
    label: { type: 'string', value: 'KEY=VALUE', multiple: true, doc: 'only with all of these labels' },
    country: { type: 'string', value: 'CC', doc: 'only of this country, as DE' },
    room: { type: 'boolean', doc: 'only with room for another account' },
    limit: limitOption,
  },
  examples: ['telegate proxies list', 'telegate proxies list --state down --json'],
  async run({ values, service, out, clock }) {
    const filter = {
      state: readEnum('--state', values.state, proxyStates) ?? 0,
      labels: readLabels('--label', values.label),
      country: values.country ?? '',
      withRoomOnly: values.room === true,
    };
    const limit = readLimit(values.limit);
    const registry = service(ProxyRegistryService);
    const { found, nextPageToken } = await gather(limit, async (page) => {
      const answer = await registry.call((client) => client.listProxies({ ...filter, ...page }));
      return { items: answer.proxies, nextPageToken: answer.nextPageToken };
    });
    const listed = create(ListProxiesResponseSchema, { proxies: found, nextPageToken });
    out.answer(ListProxiesResponseSchema, listed, () =>
      found.length === 0 ? 'No proxies.' : proxyTable(found, clock.now()),
    );
    if (nextPageToken !== '') out.note(thereAreMore(limit));
    return exitCode.ok;
  },
});

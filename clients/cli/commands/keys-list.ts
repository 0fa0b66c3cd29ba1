import { create } from '@bufbuild/protobuf';
import {
  IdentityService,
  ListApiKeysResponseSchema,
} from '#gen/telegate/account_auth/v1/identity_service_pb.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { keyTable } from '../key-text.ts';
import { gather, limitOption, readLimit, thereAreMore } from '../pages.ts';

export const keysList = command({
  name: 'keys list',
  summary: 'the API keys of the tenant, revoked ones of the last 90 days included',
  operands: [],
  options: { limit: limitOption },
  examples: ['telegate keys list'],
  async run({ values, service, out, clock }) {
    const limit = readLimit(values.limit);
    const identity = service(IdentityService);
    const { found, nextPageToken } = await gather(limit, async (page) => {
      const answer = await identity.call((client) => client.listApiKeys(page));
      return { items: answer.apiKeys, nextPageToken: answer.nextPageToken };
    });
    const listed = create(ListApiKeysResponseSchema, { apiKeys: found, nextPageToken });
    out.answer(ListApiKeysResponseSchema, listed, () =>
      found.length === 0 ? 'No keys.' : keyTable(found, clock.now()),
    );
    if (nextPageToken !== '') out.note(thereAreMore(limit));
    return exitCode.ok;
  },
});

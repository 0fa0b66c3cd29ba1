import { randomUUID } from 'node:crypto';
import {
  CreateApiKeyResponseSchema,
  IdentityService,
} from '#gen/telegate/account_auth/v1/identity_service_pb.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { keySheet } from '../key-text.ts';
import { Misuse } from '../misuse.ts';
import { readMoment } from '../values.ts';

export const keysCreate = command({
  name: 'keys create',
  summary: 'makes an API key for programs; its secret is shown this once',
  operands: ['NAME'],
  options: {
    scope: {
      type: 'string',
      value: 'SCOPE',
      multiple: true,
      doc: 'what it may do: pool:lease, pool:read, message:send, message:read, account:read …',
    },
    expires: { type: 'string', value: '90d', doc: 'when it ends: a duration or a time (default: never)' },
  },
  examples: [
    'telegate keys create worker --scope pool:lease --scope message:send --expires 90d',
    'telegate keys create ci --scope pool:read --json | jq -r .secret > key && chmod 600 key',
  ],
  async run({ operands, values, service, out, clock }) {
    if (values.scope === undefined)
      throw new Misuse('Say what the key may do: --scope pool:lease, for example.');
    const expireTime = readMoment('--expires', values.expires, clock.now());
    const request = {
      name: operands[0]!,
      scopes: [...values.scope],
      requestId: randomUUID(),
      ...(expireTime === undefined ? {} : { expireTime }),
    };
    const response = await service(IdentityService).call((client) => client.createApiKey(request));
    out.answer(CreateApiKeyResponseSchema, response, () =>
      [
        keySheet(response.apiKey!, clock.now()),
        '',
        response.secret === ''
          ? 'The answer with the secret was lost on the way: revoke this key and make another one.'
          : `${response.secret}\n\nThat is the key. It is kept nowhere and shown this once.`,
      ].join('\n'),
    );
    return exitCode.ok;
  },
});

import {
  IdentityService,
  RevokeApiKeyResponseSchema,
} from '#gen/telegate/account_auth/v1/identity_service_pb.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { keySheet } from '../key-text.ts';

export const keysRevoke = command({
  name: 'keys revoke',
  summary: 'ends an API key everywhere within a second, its open streams included',
  operands: ['KEY_ID'],
  options: {},
  examples: ['telegate keys revoke 0199a2c4-…'],
  async run({ operands, service, out, clock }) {
    const keyId = operands[0]!;
    const response = await service(IdentityService).call((client) => client.revokeApiKey({ keyId }));
    out.answer(RevokeApiKeyResponseSchema, response, () => keySheet(response.apiKey!, clock.now()));
    return exitCode.ok;
  },
});

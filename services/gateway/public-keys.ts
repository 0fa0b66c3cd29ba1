import type { IdentityService } from '#gen/telegate/account_auth/v1/identity_service_pb.ts';
import type { Client } from '#lib/rpc/client.ts';
import { json } from './http/answer.ts';
import type { HttpRoute } from './http/routing.ts';

/** For those outside the mesh who verify access tokens themselves (RFC 7517). */
export function publicKeysRoute(identity: Client<typeof IdentityService>): HttpRoute {
  return {
    method: 'GET',
    path: '/.well-known/jwks.json',
    async handle({ call, edge }) {
      const { keys, expireTime } = await identity.getJwks({}, { parent: call });
      const freshMs = Number(expireTime?.seconds ?? 0n) * 1_000 - edge.clock.now();
      const maxAge = Math.max(0, Math.floor(freshMs / 1_000));
      return json(
        { keys: keys.map(({ json: text }) => JSON.parse(text) as object) },
        { 'cache-control': `public, max-age=${maxAge}`, 'content-type': 'application/jwk-set+json' },
      );
    },
  };
}

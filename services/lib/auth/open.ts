import { randomUUIDv7 } from 'node:crypto';
import { IdentityService } from '#gen/telegate/account_auth/v1/identity_service_pb.ts';
import type { EventBus } from '#lib/events/bus.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { connect, type ClientTls } from '#lib/rpc/client.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { remoteCredentials, type CredentialSource } from './account-auth-client.ts';
import { bearerToken, createAuthenticator, type Authenticate } from './authenticate.ts';
import { createKeyCache } from './key-cache.ts';
import { createMeshTokenSource, meshKeys } from './mesh-token.ts';
import { servicePrincipal } from './principal.ts';
import { createPublicKeys } from './public-keys.ts';
import { followRevocations } from './revocation-feed.ts';
import { createRevocations } from './revocations.ts';
import { createTokenCache } from './token-cache.ts';

export interface OpenAuthenticatorOptions {
  /** The process that asks, by its name in the mesh. */
  service: string;
  config: {
    meshKey: readonly Uint8Array[];
    operatorKey: string;
    operatorTenant: string | undefined;
  };
  /** Where account-auth is: for everybody but itself. */
  source: CredentialSource | { address: string; tls?: ClientTls | undefined };
  /** Says what is revoked. */
  bus: EventBus;
  clock: Clock;
  log: Logger;
  onStop(name: string, stop: () => Promise<void> | void): void;
}

/**
 * Who calls, for a process of the mesh: the operator's key, mesh tokens, and the API keys and access tokens of
 * account-auth, which need not be there yet. Opened after the bus, and closed before it.
 */
export async function openAuthenticator(options: OpenAuthenticatorOptions): Promise<Authenticate> {
  const { service, config, bus, clock, log, onStop } = options;
  const keys = meshKeys(config.meshKey);
  const revocations = createRevocations(clock);
  onStop('revocations', () => revocations.close());
  const feed = await followRevocations({ bus, processId: randomUUIDv7(), revocations, log });
  onStop('revocation events', () => feed.stop());
  const source = 'address' in options.source ? openSource(options.source) : options.source;

  function openSource({ address, tls }: { address: string; tls?: ClientTls | undefined }): CredentialSource {
    const tokenFor = createMeshTokenSource(keys, service, clock);
    const identity = connect(IdentityService, {
      address,
      balancing: 'round_robin',
      // Asked in the service's own name: whose call it is, is what it asks.
      token: () => tokenFor(servicePrincipal(service, '')),
      ...(tls === undefined ? {} : { tls }),
    });
    onStop('account-auth client', () => identity.close());
    return remoteCredentials(identity);
  }

  const apiKeys = createKeyCache((secret) => source.verifyApiKey(secret), revocations, clock);
  const findKey = createPublicKeys(() => source.publicKeys(), clock);
  const accessTokens = createTokenCache(findKey, revocations, clock);
  return createAuthenticator({
    meshKeys: keys,
    operatorKey: config.operatorKey,
    ...(config.operatorTenant === undefined ? {} : { operatorTenant: config.operatorTenant }),
    clock,
    others(credentials) {
      const apiKey = credentials.get('x-api-key');
      if (apiKey !== undefined) return apiKeys.find(apiKey);
      return accessTokens.find(bearerToken(credentials.get('authorization')));
    },
  });
}

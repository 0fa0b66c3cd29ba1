import type { DescService } from '@bufbuild/protobuf';
import { meshKeys, signMeshToken } from '#lib/auth/mesh-token.ts';
import { operatorScopes, type Principal } from '#lib/auth/principal.ts';
import { connect, type Client } from '#lib/rpc/client.ts';

const TOKEN_TTL_MS = 240_000;
const TOKEN_KEPT_MS = 120_000;

export function callerOf(tenantId: string, subject: string, role: 'user' | 'operator' = 'user'): Principal {
  return { tenantId, homeTenantId: tenantId, subject, role, scopes: new Set(operatorScopes) };
}

/** A client of each replica, for one caller, as the edge would sign its calls. */
export function clientsOf<S extends DescService>(
  service: S,
  addresses: readonly string[],
  meshKey: string,
  caller: Principal,
): { at(replica: number): Client<S>; close(): void } {
  const keys = meshKeys([Buffer.from(meshKey, 'base64')]);
  let token: Promise<string> | undefined;
  let signedAt = 0;
  const tokenNow = (): Promise<string> => {
    if (!token || Date.now() - signedAt > TOKEN_KEPT_MS) {
      signedAt = Date.now();
      token = signMeshToken(keys, { caller, service: 'gateway', ttlMs: TOKEN_TTL_MS, clock: Date });
    }
    return token;
  };
  const clients = addresses.map((address) =>
    connect(service, { address, token: tokenNow, keepaliveTimeMs: 1_000, keepaliveTimeoutMs: 1_000 }),
  );
  return {
    at: (replica) => clients[replica % clients.length]!,
    close() {
      for (const client of clients) client.close();
    },
  };
}

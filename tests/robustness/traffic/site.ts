import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { meshKeys, signMeshToken } from '#lib/auth/mesh-token.ts';
import { operatorScopes, servicePrincipal, type Principal } from '#lib/auth/principal.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import type { Tenants } from '../cluster/cluster.ts';

export type PoolClient = Client<typeof SessionPoolService>;

/** What a client of the system needs to know; plain data, so that it can be handed to another process. */
export interface Site {
  readonly addresses: readonly string[];
  readonly meshKey: string;
  readonly tenants: Tenants;
  readonly ttlMs: number;
  readonly seed: string;
  readonly history: string;
}

/** Clients of both replicas for one caller. */
export interface Caller {
  at(replica: number): PoolClient;
  close(): void;
}

const TOKEN_TTL_MS = 240_000;
const TOKEN_KEPT_MS = 120_000;
/** Dated back, so that a replica whose clock is behind does not take a token for one of the future. */
const DATED_BACK_MS = 15_000;

export function asTenant(site: Site, tenantId: string, subject: string): Caller {
  const scopes = new Set(operatorScopes);
  return callerOf(site, { tenantId, homeTenantId: tenantId, subject, role: 'user', scopes });
}

export function asService(site: Site, tenantId: string): Caller {
  return callerOf(site, servicePrincipal('messaging', tenantId));
}

function callerOf(site: Site, caller: Principal): Caller {
  const keys = meshKeys([Buffer.from(site.meshKey, 'base64')]);
  const clock = { now: () => Date.now() - DATED_BACK_MS };
  let token: Promise<string> | undefined;
  let signedAt = 0;
  const tokenNow = (): Promise<string> => {
    if (!token || Date.now() - signedAt > TOKEN_KEPT_MS) {
      signedAt = Date.now();
      token = signMeshToken(keys, { caller, service: 'robustness', ttlMs: TOKEN_TTL_MS, clock });
    }
    return token;
  };
  const clients = site.addresses.map((address) =>
    connect(SessionPoolService, {
      address,
      token: tokenNow,
      keepaliveTimeMs: 1_000,
      keepaliveTimeoutMs: 1_000,
    }),
  );
  return {
    at: (replica) => clients[replica % clients.length]!,
    close() {
      for (const client of clients) client.close();
    },
  };
}

import type { Bridge } from './bridge.ts';
import { docsRoutes } from './docs/routes.ts';
import type { HttpRoute } from './http/routing.ts';
import { meshBridges, type MeshClients } from './mesh.ts';
import { publicKeysRoute } from './public-keys.ts';
import { sessionManagerRoutes } from './sessions/routes.ts';

export interface GatewaySettings {
  /** Of leases taken by GET /session. */
  httpLease: { ttlMs: number; quarantineMs: number };
  version: string;
}

/** What is served to the outside. */
export function gatewayRoutes(
  mesh: MeshClients,
  { httpLease, version }: GatewaySettings,
): { bridges: Bridge[]; routes: HttpRoute[] } {
  return {
    bridges: meshBridges(mesh),
    routes: [
      ...sessionManagerRoutes({
        pool: mesh.sessionPool,
        leaseTtlMs: httpLease.ttlMs,
        quarantineMs: httpLease.quarantineMs,
      }),
      publicKeysRoute(mesh.identity),
      ...docsRoutes(version),
    ],
  };
}

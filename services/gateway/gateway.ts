import { accountRoutes } from './accounts/routes.ts';
import type { Bridge } from './bridge.ts';
import { docsRoutes } from './docs/routes.ts';
import type { HttpRoute } from './http/routing.ts';
import { healthRoutes } from './health/routes.ts';
import { meshBridges, type Mesh } from './mesh.ts';
import { messageRoutes } from './messages/routes.ts';
import { profileRoutes } from './profiles/routes.ts';
import { proxyRoutes } from './proxies/routes.ts';
import { publicKeysRoute } from './public-keys.ts';
import { sessionManagerRoutes } from './sessions/routes.ts';
import { taskRoutes } from './tasks/routes.ts';
import { userRoutes } from './users/routes.ts';

export interface GatewaySettings {
  /** Of leases taken by GET /session. */
  httpLease: { ttlMs: number; quarantineMs: number };
  version: string;
  /** Who may ask what is served: known callers, unless it says otherwise. */
  reflection?: 'on' | 'authenticated' | 'off';
}

/** What is served to the outside. */
export function gatewayRoutes(
  mesh: Mesh,
  { httpLease, version, reflection }: GatewaySettings,
): { bridges: Bridge[]; routes: HttpRoute[] } {
  const described = [
    userRoutes(mesh),
    profileRoutes(mesh),
    messageRoutes(mesh),
    accountRoutes(mesh),
    proxyRoutes(mesh, Math.random),
    taskRoutes(mesh),
    healthRoutes(mesh.health),
  ];
  return {
    bridges: meshBridges(mesh, reflection),
    routes: [
      ...sessionManagerRoutes({
        pool: mesh.sessionPool,
        leaseTtlMs: httpLease.ttlMs,
        quarantineMs: httpLease.quarantineMs,
      }),
      publicKeysRoute(mesh.identity),
      ...described.flatMap(({ routes }) => routes),
      ...docsRoutes(version, described),
    ],
  };
}

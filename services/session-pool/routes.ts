import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { implement, type Implementation } from '#lib/rpc/implement.ts';
import { egressRoutes } from './egress/routes.ts';
import type { Leasing } from './leases/leasing.ts';
import { leaseRoutes } from './leases/routes.ts';
import type { NoticeHub } from './notices/hub.ts';
import type { Pool } from './pool.ts';
import { sessionRoutes } from './sessions/routes.ts';
import { statusRoutes } from './status/routes.ts';
import { syncRoutes } from './sync/routes.ts';
import type { Sync } from './sync/sync.ts';
import { waitRoutes } from './waits/routes.ts';

export interface PoolParts {
  pool: Pool;
  leasing: Leasing;
  hub: NoticeHub;
  /** None where no folder of sessions is configured. */
  sync?: Sync;
  onStop(name: string, stop: () => Promise<void> | void): void;
}

export function poolRoutes({ pool, leasing, hub, sync, onStop }: PoolParts): Implementation {
  return implement(
    SessionPoolService,
    {
      ...leaseRoutes(pool, leasing, hub),
      ...waitRoutes(pool),
      ...egressRoutes(pool),
      ...sessionRoutes(pool),
      ...statusRoutes(pool, { onStop }),
      ...syncRoutes(sync),
    },
    {
      acquireLease: 'pool:lease',
      holdLease: 'pool:lease',
      manageLeases: 'pool:lease',
      releaseLease: 'pool:lease',
      revokeLease: 'pool:admin',
      getLease: 'pool:read',
      listLeases: 'pool:read',
      listSessions: 'pool:read',
      getSession: 'pool:read',
      updateSession: 'pool:admin',
      importSession: 'pool:admin',
      exportSession: 'pool:credentials',
      deleteSession: 'pool:admin',
      invalidateSession: 'pool:admin',
      restoreSession: 'pool:admin',
      syncSessions: 'pool:admin',
      reportFloodWait: 'pool:lease',
      getPoolStatus: 'pool:read',
      watchPool: 'pool:read',
      claimEgress: 'mesh',
      releaseEgress: 'mesh',
    },
    { longLived: ['holdLease', 'manageLeases', 'watchPool'] },
  );
}

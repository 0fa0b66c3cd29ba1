import type { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { InvalidFields } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';

export function syncRoutes(): Pick<Handlers<typeof SessionPoolService>, 'syncSessions'> {
  return {
    async syncSessions() {
      throw new InvalidFields([
        { field: 'SESSIONS_DIR', description: 'is not set, so there is no folder to compare with' },
      ]);
    },
  };
}

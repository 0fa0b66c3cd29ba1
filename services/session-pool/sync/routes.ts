import type { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { InvalidFields, PermissionDenied } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import type { Sync } from './sync.ts';

export function syncRoutes(
  sync: Sync | undefined,
): Pick<Handlers<typeof SessionPoolService>, 'syncSessions'> {
  return {
    async syncSessions(_request, { principal, signal }) {
      if (!sync)
        throw new InvalidFields([
          { field: 'SESSIONS_DIR', description: 'is not set, so there is no folder to compare with' },
        ]);
      if (principal.tenantId !== sync.folder.tenantId)
        throw new PermissionDenied(
          { role: 'operator' },
          "The folder of sessions belongs to the operator's tenant. Call as that tenant.",
        );
      const { result } = await unlessAborted(sync.run(), signal);
      return { ...result, faults: [...result.faults] };
    },
  };
}

/** The caller's wait ends with its call; the comparison goes on for the others. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const giveUp = (): void => reject(signal.reason as Error);
  if (signal.aborted) giveUp();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

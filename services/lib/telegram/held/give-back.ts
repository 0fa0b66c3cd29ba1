import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { RpcError } from '#lib/rpc/status.ts';
import type { Claims } from './claims.ts';
import type { Entry } from './entry.ts';
import type { LeaseStream } from './lease-stream.ts';

export const RELEASE_LIMIT_MS = 15_000;

/** The claim of a session whose socket is closed, and then its lease if it is the process's own. */
export async function giveBack(entry: Entry, claims: Claims, stream: LeaseStream): Promise<void> {
  entry.claimIsOver = true;
  // Behind a renewal that is under way, which would claim again what was just released.
  await entry.claiming;
  await claims.release(entry.proof);
  if (entry.ttlMs === undefined || entry.leaseIsOver) return;
  entry.leaseIsOver = true;
  await stream
    .ask({ case: 'release', value: entry.proof }, { limitMs: RELEASE_LIMIT_MS })
    .catch((error: unknown) => {
      if (!(error instanceof RpcError && error.reason === ErrorReason.LEASE_LOST)) throw error;
    });
}

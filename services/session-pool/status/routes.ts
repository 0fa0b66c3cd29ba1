import type { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { createBatcher } from '#lib/batching/batcher.ts';
import { withRetry } from '#lib/postgres/transaction.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import { Latest, sendChanges } from '#lib/rpc/latest.ts';
import type { Pool } from '../pool.ts';
import { durationMs, throwIfAny } from '#lib/requests/validate.ts';
import { isSameStatus, statusMessage, type StatusRow } from './model.ts';
import { readStatuses } from './store.ts';
import { createStatusBoard } from './watch.ts';

export type StatusHandlers = Pick<Handlers<typeof SessionPoolService>, 'getPoolStatus' | 'watchPool'>;

const INTERVAL = { minMs: 100, maxMs: 60_000, absentMs: 1_000 };
const CALLERS_A_SCAN = 1_000;

export function statusRoutes(
  pool: Pool,
  { onStop }: { onStop(name: string, stop: () => void): void },
): StatusHandlers {
  const { database, clock, log, settings } = pool;

  async function readAll(tenantIds: readonly string[]): Promise<Map<string, StatusRow>> {
    const distinct = [...new Set(tenantIds)];
    const rows = await withRetry(() => readStatuses(database.kysely, distinct, settings.quarantineMs));
    return new Map(rows.map((row) => [row.tenant_id, row]));
  }

  // Callers share the next scan, never one that runs already: each sees what was committed before its call.
  const scans = createBatcher<string, StatusRow>({
    name: 'pool status',
    async run(tenantIds) {
      const statuses = await readAll(tenantIds);
      return tenantIds.map((tenantId) => statuses.get(tenantId)!);
    },
    maxItems: CALLERS_A_SCAN,
    gatherMs: 0,
    clock,
  });
  const board = createStatusBoard({
    read: async (tenantId) => (await readAll([tenantId])).get(tenantId)!,
    clock,
    log,
  });
  onStop('pool status', () => board.stop());

  return {
    async getPoolStatus(_request, { principal }) {
      return { status: statusMessage(await scans.submit(principal.tenantId)) };
    },

    async watchPool(request, out, ctx) {
      const violations: FieldViolation[] = [];
      const intervalMs = durationMs(violations, 'min_interval', request.minInterval, INTERVAL);
      throwIfAny(violations);
      const { tenantId } = ctx.principal;
      const latest = new Latest(await scans.submit(tenantId));
      const leave = board.watch(tenantId, { intervalMs, tell: (status) => latest.set(status) });
      try {
        await sendChanges(latest, out, ctx, {
          clock,
          intervalMs,
          isSame: isSameStatus,
          messageOf: (row) => ({ status: statusMessage(row) }),
        });
      } finally {
        leave();
      }
    },
  };
}

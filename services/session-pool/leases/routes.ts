import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { NotFound, type FieldViolation } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import type { NoticeHub } from '../notices/hub.ts';
import { pageToken, readPageToken } from '#lib/requests/page-token.ts';
import type { Pool } from '../pool.ts';
import { durationMs, pageSize, text, throwIfAny, uuid } from '#lib/requests/validate.ts';
import { holdLease } from './hold-stream.ts';
import type { Leasing } from './leasing.ts';
import { manageLeases } from './manage-stream.ts';
import { leaseMessage } from './model.ts';
import { listLeases, readLease } from './read.ts';
import { readAcquire, readReleasable } from './requests.ts';
import { revokeLease } from './revoke.ts';

/** What a wait leaves of the call's time, so that its end is a typed answer and not a passed deadline. */
const ANSWER_MARGIN_MS = 100;
const LONGEST_GRACE_MS = 3_600_000;

export function leaseRoutes(
  pool: Pool,
  leasing: Leasing,
  hub: NoticeHub,
): Pick<
  Handlers<typeof SessionPoolService>,
  'acquireLease' | 'holdLease' | 'manageLeases' | 'releaseLease' | 'revokeLease' | 'getLease' | 'listLeases'
> {
  return {
    async acquireLease(message, ctx) {
      const { request, waitMs } = readAcquire(message, ctx.principal);
      const lease = await leasing.acquire(request, {
        waitMs: Math.min(waitMs, ctx.remainingMs() - ANSWER_MARGIN_MS),
        signal: ctx.signal,
      });
      return { lease };
    },

    holdLease: holdLease(pool, leasing, hub),
    manageLeases: manageLeases(pool, leasing, hub),

    async releaseLease(message, { principal }) {
      return { endedNow: await leasing.release(readReleasable(message, principal)) };
    },

    async revokeLease(message, { principal }) {
      const violations: FieldViolation[] = [];
      const revocation = {
        tenantId: principal.tenantId,
        subject: principal.subject,
        leaseId: uuid(violations, 'lease_id', message.leaseId),
        graceMs: durationMs(violations, 'grace', message.grace, {
          minMs: 0,
          maxMs: LONGEST_GRACE_MS,
          absentMs: 0,
        }),
        reason: text(violations, 'reason', message.reason, { max: 256 }),
      };
      throwIfAny(violations);
      return { endTime: timestampFromDate(await revokeLease(pool, revocation)) };
    },

    async getLease(message, { principal }) {
      const violations: FieldViolation[] = [];
      const leaseId = uuid(violations, 'lease_id', message.leaseId);
      throwIfAny(violations);
      const lease = await readLease(pool, principal.tenantId, leaseId);
      if (!lease) throw new NotFound('lease', leaseId);
      return { lease: leaseMessage(lease) };
    },

    async listLeases(message, { principal }) {
      const violations: FieldViolation[] = [];
      const holder = text(violations, 'holder', message.holder, { max: 128 });
      const limit = pageSize(violations, 'page_size', message.pageSize);
      const { tenantId } = principal;
      const filter = ['ListLeases', tenantId, holder];
      const after = readPageToken(violations, 'page_token', message.pageToken, filter);
      throwIfAny(violations);
      const rows = await listLeases(pool, { tenantId, holder, after, limit: limit + 1 });
      const page = rows.slice(0, limit);
      return {
        leases: page.map((lease) => leaseMessage(lease)),
        nextPageToken: rows.length > limit ? pageToken(filter, page.at(-1)!.session_id) : '',
      };
    },
  };
}

import { durationFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { LeaseAccess } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import type { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { Client } from '#lib/rpc/client.ts';
import type { CallOptions } from '#lib/rpc/client-state.ts';
import type { DomainError } from '#lib/rpc/errors.ts';
import { toDomainError } from '#lib/rpc/status.ts';
import { detail, errorAnswer, json, Refusal, retryAfterSeconds, type Answer } from '../http/answer.ts';
import type { Exchange } from '../http/exchange.ts';
import { requestIdOf } from '../http/request-id.ts';
import type { HttpRoute } from '../http/routing.ts';
import { admitKey, holderName, withCounts, type Parent } from './caller.ts';
import { idNumber, sessionIdOf, utcText } from './fields.ts';

export interface SessionManagerOptions {
  pool: Client<typeof SessionPoolService>;
  /** How long a session that is taken stays taken when it is not released. */
  leaseTtlMs: number;
  /** How long it is kept back when that time ends. */
  quarantineMs: number;
}

/** A folder of thousands of new files takes its time. */
const SYNC_DEADLINE_MS = 300_000;

/**
 * The calls of an older session manager, as its clients know them. Nothing of them is kept here: which lease is
 * whose, and what happens at its end, is the pool's to know, so any gateway serves any of these calls.
 */
export function sessionManagerRoutes(options: SessionManagerOptions): HttpRoute[] {
  const { pool } = options;
  return [
    {
      method: 'GET',
      path: '/status',
      async handle(exchange) {
        const parent = withCounts(await admitKey(exchange));
        const { status } = await pool.getPoolStatus({}, forCaller(exchange, parent));
        const next = status?.nextFloodWaitEndTime;
        return json({
          total: status?.total ?? 0,
          free: status?.free ?? 0,
          in_use: (status?.leased ?? 0) + (status?.closing ?? 0),
          in_floodwait: status?.floodWait ?? 0,
          next_available: next ? utcText(timestampMs(next)) : null,
        });
      },
    },
    {
      method: 'GET',
      path: '/session',
      changes: true,
      async handle(exchange) {
        const parent = await admitKey(exchange);
        try {
          return await takeSession(options, exchange, parent);
        } catch (error) {
          return notTaken(exchange, error);
        }
      },
    },
    {
      method: 'POST',
      path: '/release',
      async handle(exchange) {
        const parent = await admitKey(exchange);
        const sessionId = await sessionIdOf(exchange);
        await release(pool, exchange, parent, sessionId);
        return json({ status: 'released', session_id: idNumber(sessionId) });
      },
    },
    {
      method: 'POST',
      path: '/invalidate',
      async handle(exchange) {
        const parent = await admitKey(exchange);
        const sessionId = await sessionIdOf(exchange);
        await invalidate(pool, exchange, parent, sessionId);
        return json({ status: 'invalidated', session_id: idNumber(sessionId) });
      },
    },
    {
      method: 'POST',
      path: '/sync',
      async handle(exchange) {
        const parent = await admitKey(exchange, SYNC_DEADLINE_MS);
        try {
          const { added, removed, total } = await pool.syncSessions(
            {},
            { ...forCaller(exchange, parent), deadlineMs: SYNC_DEADLINE_MS },
          );
          const details = { new_sessions: added, removed_sessions: removed, total_sessions: total };
          return json({ status: 'sync complete', details });
        } catch (error) {
          return notSynced(exchange, error);
        }
      },
    },
  ];
}

async function takeSession(
  { pool, leaseTtlMs, quarantineMs }: SessionManagerOptions,
  exchange: Exchange,
  parent: Parent,
): Promise<Answer> {
  const { lease } = await pool.acquireLease(
    {
      holder: holderName(parent.principal),
      access: LeaseAccess.FILE,
      ttl: durationFromMs(leaseTtlMs),
      fileQuarantine: quarantineMs > 0 ? durationFromMs(quarantineMs) : undefined,
      requestId: requestIdOf(exchange),
    },
    forCaller(exchange, parent),
  );
  return json(
    { session_id: idNumber(lease!.sessionId), session_name: lease!.sessionName },
    { 'x-lease-id': lease!.leaseId, 'x-lease-ttl': String(Number(lease!.ttl!.seconds)) },
  );
}

/**
 * Clients know one 503 of this route, with the seconds to sleep in its detail. They get it too when the pool can
 * not be asked: a text in place of it would make them fail where they only have to wait.
 */
function notTaken({ call }: Exchange, error: unknown): Answer {
  if (error instanceof Refusal) return error.answer;
  const known = call.failed(error);
  if (known.reason === ErrorReason.NO_FREE_SESSION) {
    const inFloodWait = Number(known.metadata['flood_wait'] ?? 0);
    return noSession('no_free_session', inFloodWait, known.retryAfterMs);
  }
  if (isUnavailable(known)) return noSession('session_pool_unavailable', 0, known.retryAfterMs ?? 1_000);
  return errorAnswer(known);
}

function noSession(error: string, inFloodWait: number, retryAfterMs: number | undefined): Answer {
  const seconds = retryAfterMs === undefined ? null : retryAfterSeconds(retryAfterMs);
  return detail(
    503,
    { error, in_floodwait: inFloodWait, next_release_in: seconds },
    seconds === null ? {} : { 'retry-after': String(seconds) },
  );
}

async function release(
  pool: Client<typeof SessionPoolService>,
  exchange: Exchange,
  parent: Parent,
  sessionId: bigint,
): Promise<void> {
  const leaseId = exchange.header('x-lease-id') ?? '';
  // What never was a lease's id is nobody's lease.
  const isNamed = sessionId > 0n && (leaseId === '' || UUID.test(leaseId));
  const { endedNow } = isNamed
    ? await pool.releaseLease({ fileLease: { sessionId, leaseId } }, forCaller(exchange, parent))
    : { endedNow: false };
  if (endedNow) return;
  exchange.edge.log.info(
    {
      event: 'release_freed_nothing',
      session_id: String(sessionId),
      subject: parent.principal.subject,
      ...(isNamed && leaseId !== '' ? { lease_id: leaseId } : {}),
      trace_id: exchange.call.trace.traceId,
    },
    'a release freed nothing: the session is free, or leased by somebody else',
  );
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

async function invalidate(
  pool: Client<typeof SessionPoolService>,
  exchange: Exchange,
  parent: Parent,
  sessionId: bigint,
): Promise<void> {
  const reason = `reported over HTTP by ${parent.principal.subject}`.slice(0, 256);
  const options = forCaller(exchange, parent);
  try {
    // An id that no session can have is asked for too, as 1 is: for the right to do this.
    await pool.invalidateSession({ sessionId: sessionId > 0n ? sessionId : LARGEST_ID, reason }, options);
  } catch (error) {
    if (toDomainError(error).reason !== ErrorReason.NOT_FOUND) throw error;
    // It is not in the pool, which is what was asked for.
    exchange.edge.log.info(
      { event: 'invalidated_nothing', session_id: String(sessionId), trace_id: exchange.call.trace.traceId },
      'a session that is not in the pool was invalidated',
    );
  }
}

const LARGEST_ID = 2n ** 63n - 1n;

/** Whatever keeps the folder or the database from being read is one answer to these clients. */
function notSynced({ call }: Exchange, error: unknown): Answer {
  const known = call.failed(error);
  const isRefused = known.reason === ErrorReason.SCOPE_MISSING;
  return isRefused ? errorAnswer(known) : detail(500, known.message);
}

function isUnavailable(error: DomainError): boolean {
  return (
    error.reason === ErrorReason.DEPENDENCY_UNAVAILABLE ||
    error.reason === ErrorReason.GOING_AWAY ||
    error.reason === ErrorReason.DEADLINE_EXCEEDED
  );
}

function forCaller(exchange: Exchange, parent: Parent): CallOptions {
  const tenant = exchange.header('x-tenant-id');
  return { parent, ...(tenant === undefined ? {} : { metadata: { 'x-tenant-id': tenant } }) };
}

import { status } from '@grpc/grpc-js';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import { LeaseLost } from '#lib/telegram/errors.ts';
import type { HeldSession } from '#lib/telegram/held/held-session.ts';
import type { HeldSessions } from '#lib/telegram/held/held-sessions.ts';
import type { SessionOwner } from '#lib/telegram/held/entry.ts';
import { ForeignEnvironment, SessionLeased } from '../errors.ts';
import type { MessagingDatabase } from '../tables.ts';
import type { Wanted } from './actor.ts';
import type { WaysOut } from './egress.ts';
import { HeldElsewhere, PROCESS_PREFIX } from './elsewhere.ts';
import { Holding, type HoldingParts } from './holding.ts';
import type { Peers } from './peers.ts';
import * as store from './store.ts';

export interface TakingParts {
  readonly processId: string;
  readonly database: MessagingDatabase;
  readonly held: HeldSessions;
  readonly waysOut: WaysOut;
  readonly peers: Peers;
  readonly holding: HoldingParts;
  readonly clock: Clock;
  /** What is held here already, under another name perhaps. */
  find(wanted: Wanted): Holding | undefined;
  /** Somebody asks for the session. */
  drain(holding: Holding, deadline: Date): void;
  limited(holding: Holding, telegramError: string): void;
}

/** Leases and claims live as long: when a process dies, its sessions are free after this. */
const LEASE_TTL_MS = 15_000;
const LONGEST_QUEUE_MS = 20_000;
const ANSWER_MARGIN_MS = 200;
const AGAIN_MS = 100;

/** Leases, claims and opens a session for this process, or under the caller's lease; throws HeldElsewhere. */
export async function take(parts: TakingParts, wanted: Wanted, limitMs: number): Promise<Holding> {
  const { clock } = parts;
  const until = clock.monotonic() + limitMs;
  const left = (): number => until - clock.monotonic();
  let waitMs = 0;
  for (;;) {
    const here = parts.find(wanted);
    if (here && !here.isClosing) return here;
    try {
      return await open(parts, wanted, waitMs);
    } catch (error) {
      const next = await decide(parts, wanted, error, waitMs > 0);
      if (left() <= AGAIN_MS + ANSWER_MARGIN_MS) throw next.instead;
      if (next.queue) waitMs = Math.min(left() - ANSWER_MARGIN_MS, LONGEST_QUEUE_MS);
      else await pause(clock, AGAIN_MS);
    }
  }
}

interface Next {
  /** Wait in the pool's queue; else ask again in a moment. */
  readonly queue: boolean;
  /** What to throw when there is no time for that. */
  readonly instead: unknown;
}

/** What a refusal means. Throws what ends the matter. */
async function decide(parts: TakingParts, wanted: Wanted, error: unknown, hasQueued: boolean): Promise<Next> {
  const { processId, database, peers } = parts;
  if (!(error instanceof DomainError)) throw error;
  const sessionId = wanted.kind === 'session' ? wanted.sessionId : undefined;
  if (error.reason === ErrorReason.NO_FREE_SESSION) {
    const { holder, expire_time: expireTime = '', closing = '0', free = '0' } = error.metadata;
    // Its socket is being closed, or its claim is running out.
    if (holder === undefined && closing !== '0' && !hasQueued) return { queue: true, instead: error };
    // It was given back while the refusal was being written.
    if (holder === undefined && free !== '0') return { queue: false, instead: error };
    if (holder === undefined) throw error;
    const leased = new SessionLeased(sessionId, holder, expireTime);
    if (!holder.startsWith(PROCESS_PREFIX)) throw leased;
    if (holder === processId) return { queue: false, instead: leased };
    const address = await store.addressOf(database, holder);
    if (address !== undefined && !peers.isSuspected(holder))
      throw new HeldElsewhere({
        processId: holder,
        address,
        ...(sessionId === undefined ? {} : { sessionId }),
      });
    // It died, or can not be reached: the session is free when its lease and claim have ended.
    return { queue: true, instead: leased };
  }
  if (error.reason === ErrorReason.EGRESS_CLAIMED) {
    const { process_id: holder = '', expire_time: expireTime = '' } = error.metadata;
    const address = holder === processId ? undefined : await store.addressOf(database, holder);
    if (address !== undefined && !peers.isSuspected(holder))
      throw new HeldElsewhere({ processId: holder, address });
    return { queue: false, instead: new SessionLeased(sessionId, holder, expireTime) };
  }
  if (error.reason === ErrorReason.ALREADY_EXISTS && wanted.kind === 'lease')
    return { queue: false, instead: error };
  // A lease that is not there is one that has ended, or was never the caller's.
  if (wanted.kind === 'lease' && error.code === status.NOT_FOUND) throw new LeaseLost(0n, wanted.leaseId);
  throw error;
}

async function open(parts: TakingParts, wanted: Wanted, waitMs: number): Promise<Holding> {
  const { held: heldSessions, waysOut, holding: shared } = parts;
  let holding: Holding | undefined;
  let drainBy: Date | undefined;
  const owner: SessionOwner = {
    closeSocket: () => holding?.closeSocket() ?? Promise.resolve(),
    drainRequested(deadline) {
      drainBy = deadline;
      if (holding) parts.drain(holding, deadline);
    },
    floodWait({ method, peer, endTime }) {
      const seconds = endTime ? Number(endTime.seconds) - Math.floor(parts.clock.now() / 1_000) : 0;
      if (seconds > 0) holding?.learn(method, peer, seconds);
    },
    limited(telegramError) {
      if (holding) parts.limited(holding, telegramError);
    },
  };
  const held = await lease(heldSessions, wanted, waitMs, owner);
  try {
    const { sessionId, tenantId, accountId, environment } = held.session;
    if (environment !== shared.telegram.id)
      throw new ForeignEnvironment(sessionId, environment, shared.telegram.id);
    const wayOut = await waysOut.resolve({ sessionId, tenantId, accountId }, () => void held.release());
    if (held.guard.lost.aborted) {
      wayOut.closed();
      held.guard.check();
    }
    holding = new Holding(shared, held, wayOut, wanted.kind === 'lease');
    await holding.start();
    if (drainBy) parts.drain(holding, drainBy);
    return holding;
  } catch (error) {
    await held.release();
    throw error;
  }
}

function lease(
  held: HeldSessions,
  wanted: Wanted,
  waitMs: number,
  owner: SessionOwner,
): Promise<HeldSession> {
  const { tenantId } = wanted;
  if (wanted.kind === 'lease') {
    const { leaseId, fencingToken } = wanted;
    return held.adopt({ tenantId, leaseId, fencingToken }, owner);
  }
  const named = wanted.kind === 'account' ? { accountId: wanted.accountId } : { sessionId: wanted.sessionId };
  return held.acquire({ tenantId, ...named, ttlMs: LEASE_TTL_MS, waitMs }, owner);
}

import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  AcquireLeaseRequestSchema,
  type HoldLeaseRequest,
  type HoldLeaseResponse,
  type SessionPoolService,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { BidiStream } from '#lib/rpc/client-streams.ts';
import type { OperationEntry, OperationName } from '../history.ts';
import { monotonic, pause } from '../time.ts';
import { createRoute, judgeError, msOf, nameOf, type Route } from './attempt.ts';
import { asTenant } from './site.ts';
import type { Socket } from './socket.ts';
import type { Post } from './traffic.ts';
import { releaseSurely } from './unary.ts';

type HoldLease = (typeof SessionPoolService)['method']['holdLease'];
type Stream = BidiStream<HoldLease['input'], HoldLease['output']>;

const OPEN_WAIT_MS = 2_000;
/** An answer that takes longer is not waited for: the other replica is asked. */
const ANSWER_LIMIT_MS = 1_500;
const LOOK_EVERY_MS = 60;

/** What a holder knows of its lease. */
export interface Held {
  readonly leaseId: string;
  readonly sessionId: bigint;
  readonly fencingToken: bigint;
  /** On the monotonic clock: from here on it must not be used, unless a renewal is acknowledged. */
  usableUntil: number;
}

/**
 * Holds one lease after another over HoldLease and uses it whenever it believes that it may: until the send
 * time of the last acknowledged renewal + TTL − 10 %, as the contract says. Writes down each use.
 */
export async function runHolder(post: Post, socket?: Socket): Promise<void> {
  const { random, signal, site, name, recorder } = post;
  const caller = asTenant(site, site.tenants.held, `key:${name}`);
  const route = createRoute(random.integer(0, 1));
  let held: Held | undefined;
  let endsAt = Infinity;

  const using = setInterval(() => {
    const now = monotonic();
    const mayUse = held !== undefined && now < held.usableUntil;
    if (mayUse) {
      const { sessionId, leaseId, fencingToken } = held!;
      const named = { session: String(sessionId), lease: leaseId, token: String(fencingToken) };
      recorder.write({ kind: 'use', t: now, client: name, ...named });
    }
    socket?.look(now, mayUse ? held : undefined);
  }, LOOK_EVERY_MS);

  while (!signal.aborted) {
    const stream = caller.at(route.replica).holdLease({ isLongLived: true });
    const before: Held | undefined = held;
    const outcome = await holdOver(stream, {
      post,
      route,
      held: before,
      onHeld(granted) {
        held = granted;
        if (!before) endsAt = monotonic() + random.between(3_000, 15_000);
      },
      endsAt: () => endsAt,
    });
    if (outcome === 'broken') {
      route.turn();
      await pause(random.between(20, 150), signal);
      continue;
    }
    const last = held;
    held = undefined;
    endsAt = Infinity;
    if (last && outcome === 'release unknown') await releaseSurely(post, caller, route, last);
    await pause(random.between(50, 400), signal);
  }
  clearInterval(using);
  if (held) await releaseSurely(post, caller, route, held);
  socket?.look(monotonic(), undefined);
  caller.close();
}

interface Holding {
  post: Post;
  route: Route;
  /** The lease to go on with; none: ask for one. */
  held: Held | undefined;
  onHeld(held: Held): void;
  /** When to let go of it. */
  endsAt(): number;
}

type Outcome = 'over' | 'release unknown' | 'broken';
type Action = HoldLeaseRequest['action'];

async function holdOver(stream: Stream, holding: Holding): Promise<Outcome> {
  const { post, route, onHeld } = holding;
  const { recorder, random, site, signal, name } = post;
  const { replica } = route;
  const pending: { op: OperationName; t: number }[] = [];
  let { held } = holding;
  let isGranted = false;
  let isReleasing = false;
  let lastSentAt = 0;

  function send(op: OperationName, action: Action): void {
    lastSentAt = monotonic();
    pending.push({ op, t: lastSentAt });
    void stream.send({ action });
  }
  function settle(outcome: OperationEntry['outcome'], seen: Partial<OperationEntry> = {}): number {
    const { op, t } = pending.shift()!;
    const named = held
      ? { session: String(held.sessionId), lease: held.leaseId, token: String(held.fencingToken) }
      : {};
    recorder.write({
      kind: 'op',
      op,
      client: name,
      via: 'hold',
      replica,
      ...named,
      t,
      end: monotonic(),
      outcome,
      ...seen,
    });
    return t;
  }

  if (held) {
    const { leaseId, fencingToken } = held;
    send('renew', {
      case: 'attach',
      value: { $typeName: 'telegate.session_pool.v1.LeaseProof', leaseId, fencingToken },
    });
  } else {
    const request = { holder: name, ttl: durationFromMs(site.ttlMs), wait: durationFromMs(OPEN_WAIT_MS) };
    send('acquire', { case: 'open', value: create(AcquireLeaseRequestSchema, request) });
  }

  const watch = setInterval(() => {
    const now = monotonic();
    const [oldest] = pending;
    const limit = oldest?.op === 'acquire' ? OPEN_WAIT_MS + ANSWER_LIMIT_MS : ANSWER_LIMIT_MS;
    if (oldest && now - oldest.t > limit) return stream.cancel();
    if (signal.aborted && (!isGranted || isReleasing)) return stream.cancel();
    if (!isGranted || isReleasing) return;
    if (now > holding.endsAt() || signal.aborted) {
      // A holder may also just go away: its lease is reclaimed.
      isReleasing = true;
      held!.usableUntil = 0;
      if (!signal.aborted && random.chance(0.25)) return stream.cancel();
      send('release', { case: 'release', value: { $typeName: 'telegate.session_pool.v1.HoldLeaseRelease' } });
    } else if (now - lastSentAt > site.ttlMs / 4) {
      send('renew', {
        case: 'heartbeat',
        value: { $typeName: 'telegate.session_pool.v1.HoldLeaseHeartbeat' },
      });
    }
  }, LOOK_EVERY_MS);

  /** Answers whether the stream's lease is over. */
  function hear({ event }: HoldLeaseResponse): Outcome | undefined {
    switch (event.case) {
      case 'granted': {
        const { leaseId, sessionId, fencingToken } = event.value;
        const isNew = held === undefined;
        held ??= { leaseId, sessionId, fencingToken, usableUntil: 0 };
        const t = settle('ok', nameOf(event.value));
        extend(t);
        isGranted = true;
        if (isNew) onHeld(held);
        return undefined;
      }
      case 'renewed':
        extend(settle('ok', { expireAt: msOf(event.value.expireTime!) }));
        return undefined;
      case 'lost':
        held!.usableUntil = 0;
        recorder.write({ kind: 'lost', t: monotonic(), client: name, lease: event.value.leaseId });
        return 'over';
      case 'released':
        while (pending.length > 0 && pending[0]!.op !== 'release')
          settle('unknown', { reason: 'UNANSWERED' });
        settle('ok');
        return 'over';
      case 'goAway':
        return 'broken';
      default:
        return undefined;
    }
  }
  function extend(sentAt: number): void {
    if (!isReleasing) held!.usableUntil = Math.max(held!.usableUntil, sentAt + site.ttlMs * 0.9);
  }

  let outcome: Outcome = 'broken';
  try {
    for await (const response of stream.responses) {
      const heard = hear(response);
      if (heard === undefined) continue;
      outcome = heard;
      break;
    }
    if (outcome === 'broken' && isReleasing) outcome = 'release unknown';
  } catch (error) {
    const judged = judgeError(error);
    const isRefused = judged.outcome === 'failed' && pending[0]?.op !== 'release';
    if (pending.length > 0 && judged.outcome === 'failed') settle('failed', { reason: judged.reason });
    outcome = isReleasing ? 'release unknown' : isRefused ? 'over' : 'broken';
    if (isRefused && held) held.usableUntil = 0;
  } finally {
    clearInterval(watch);
    stream.cancel();
  }
  // A release that was never sent is a holder that went away.
  if (outcome === 'release unknown' && !pending.some(({ op }) => op === 'release')) outcome = 'over';
  while (pending.length > 0) settle('unknown', { reason: 'UNANSWERED' });
  return outcome;
}

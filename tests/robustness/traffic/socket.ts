import type { Recorder } from '../history.ts';
import { monotonic } from '../time.ts';
import { attempt } from './attempt.ts';
import type { Held } from './holder.ts';
import { asService } from './site.ts';
import type { Post } from './traffic.ts';

/** As the contract says: a claim lives 15 s, and its socket is closed 5 s before that if it was not renewed. */
const CLOSE_AFTER_MS = 10_000;
const RENEW_EVERY_MS = 2_500;
const DEADLINE_MS = 1_500;

/** Plays a messaging process: one that may hold a session's socket while its claim lives. */
export interface Socket {
  /** Called often, with the lease that may be used now. */
  look(now: number, held: Held | undefined): void;
}

interface Open {
  readonly held: Held;
  usableUntil: number;
}

export function createSocket(post: Post, processId: string): Socket {
  const { recorder, site, random } = post;
  const caller = asService(site, site.tenants.held);
  let open: Open | undefined;
  let askedAt = 0;
  let busy = false;
  let replica = random.integer(0, 1);

  async function claim(held: Held): Promise<void> {
    const { leaseId, fencingToken } = held;
    const result = await attempt(
      recorder,
      { op: 'claim', ...about(held) },
      () =>
        caller
          .at(replica)
          .claimEgress({ processId, leases: [{ leaseId, fencingToken }] }, { deadlineMs: DEADLINE_MS }),
      ({ claims }) => (claims.length === 1 ? {} : { outcome: 'failed', reason: 'REFUSED' }),
    );
    if (result.outcome === 'unknown') replica = 1 - replica;
    if (result.outcome !== 'ok') return;
    if (result.answer.claims.length === 0) return close();
    const usableUntil = result.sentAt + CLOSE_AFTER_MS;
    if (monotonic() >= usableUntil) return;
    if (open?.held.leaseId === leaseId) open.usableUntil = Math.max(open.usableUntil, usableUntil);
    else if (!open && monotonic() < held.usableUntil) {
      open = { held, usableUntil };
      note(recorder, 'open', processId, held);
    }
  }

  function close(): void {
    if (!open) return;
    const { held } = open;
    open = undefined;
    note(recorder, 'close', processId, held);
    const { leaseId, fencingToken } = held;
    void attempt(recorder, { op: 'unclaim', ...about(held) }, () =>
      caller
        .at(replica)
        .releaseEgress({ processId, leases: [{ leaseId, fencingToken }] }, { deadlineMs: DEADLINE_MS }),
    );
  }

  function about(held: Held) {
    return {
      client: post.name,
      via: 'unary' as const,
      replica,
      process: processId,
      session: String(held.sessionId),
      lease: held.leaseId,
      token: String(held.fencingToken),
    };
  }

  return {
    look(now, held) {
      if (open && (now >= open.usableUntil || held?.leaseId !== open.held.leaseId)) close();
      if (!held) return;
      if (open) {
        const { session, lease, token } = about(held);
        recorder.write({ kind: 'use', t: now, client: post.name, session, lease, token, process: processId });
      }
      if (busy || now - askedAt < (open ? RENEW_EVERY_MS : 500)) return;
      busy = true;
      askedAt = now;
      void claim(held).finally(() => {
        busy = false;
      });
    },
  };
}

function note(recorder: Recorder, what: 'open' | 'close', process: string, held: Held): void {
  const { sessionId, fencingToken } = held;
  recorder.write({
    kind: 'socket',
    what,
    t: monotonic(),
    process,
    session: String(sessionId),
    token: String(fencingToken),
  });
}

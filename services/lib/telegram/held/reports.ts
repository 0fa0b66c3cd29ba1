import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import type { Principal } from '#lib/auth/principal.ts';
import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import { RpcError } from '#lib/rpc/status.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { SessionCondition } from '../rpc-errors.ts';
import type { ReportedWait, SessionReports } from '../session-reports.ts';
import type { Proof } from './claims.ts';
import type { LeaseStream } from './lease-stream.ts';
import type { Replicas } from './replicas.ts';

export interface ReportParts {
  readonly stream: LeaseStream;
  readonly replicas: Replicas;
  /** The process's own, of any tenant. */
  readonly principal: Principal;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stopping: AbortSignal;
}

export interface ReportedSession {
  readonly sessionId: bigint;
  readonly tenantId: string;
  readonly proof: Proof;
  /** Aborted when the session is held no more. */
  readonly lost: AbortSignal;
  /** Telegram lets the account reach nobody new. The pool has no state for that: it is its owner's to keep. */
  limited?(telegramError: string): void;
}

const CONDITIONS: Readonly<Record<Exclude<SessionCondition, 'limited'>, SessionState>> = {
  dead_key: SessionState.NEEDS_LOGIN,
  needs_login: SessionState.NEEDS_LOGIN,
  frozen: SessionState.FROZEN,
  banned: SessionState.BANNED,
};

const CALL_LIMIT_MS = 3_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;
/** A condition is told for so long, also after the lease has ended: the pool knows which key was meant. */
const CONDITION_LIMIT_MS = 600_000;
const LONGEST_WAIT_MS = 30 * 86_400_000;
/** Waits of one session that are on their way at once. */
const MOST_WAITS = 100;
const KEY_LENGTH = 128;

/** What the pool answers when it knows better, or can not be asked for this. */
const FINAL: ReadonlySet<ErrorReason> = new Set([
  ErrorReason.LEASE_LOST,
  ErrorReason.NOT_FOUND,
  ErrorReason.INVALID_FIELD,
]);

export function createReports(parts: ReportParts, session: ReportedSession): SessionReports {
  const { clock, log } = parts;
  const { sessionId, proof } = session;
  const conditions = new Set<SessionState>();
  const waits = new Map<string, number>();

  function told(error: unknown): boolean {
    if (error instanceof RpcError && FINAL.has(error.reason)) return true;
    log.warn(
      { event: 'report_unanswered', session_id: String(sessionId), err: error },
      'the pool did not take a report; it is told again',
    );
    return false;
  }

  async function insist(
    until: number,
    held: AbortSignal | undefined,
    tell: () => Promise<unknown>,
  ): Promise<void> {
    const { stopping } = parts;
    for (let wait = FIRST_PAUSE_MS; clock.monotonic() < until; wait = Math.min(2 * wait, LONGEST_PAUSE_MS)) {
      try {
        await tell();
        return;
      } catch (error) {
        if (told(error) || held?.aborted || stopping.aborted) return;
      }
      await pause(clock, wait, stopping);
    }
  }

  function reportWait({ method = '', peer = '', seconds }: ReportedWait): void {
    const key = `${method} ${peer}`;
    const end = clock.monotonic() + Math.min(seconds * 1_000, LONGEST_WAIT_MS);
    const known = waits.get(key);
    if (known !== undefined) {
      // On its way already: the loop that tells it tells the later end.
      waits.set(key, Math.max(known, end));
      return;
    }
    if (waits.size >= MOST_WAITS) return;
    waits.set(key, end);
    const tellWait = async (): Promise<void> => {
      for (let reported = 0; reported < waits.get(key)!;) {
        reported = waits.get(key)!;
        const left = reported - clock.monotonic();
        if (left <= 0) return;
        const duration = durationFromMs(Math.ceil(left));
        const value = {
          lease: proof,
          method: method.slice(0, KEY_LENGTH),
          peer: peer.slice(0, KEY_LENGTH),
          duration,
        };
        await parts.stream.ask({ case: 'reportFloodWait', value }, { limitMs: CALL_LIMIT_MS, once: true });
      }
    };
    void insist(end, session.lost, tellWait).finally(() => waits.delete(key));
  }

  function reportCondition(state: SessionState, telegramError: string): void {
    if (conditions.has(state)) return;
    conditions.add(state);
    const { tenantId } = session;
    const principal = { ...parts.principal, tenantId, homeTenantId: tenantId };
    const call = { principal, signal: parts.stopping, remainingMs: () => CALL_LIMIT_MS };
    const invalidation = { sessionId, condition: state, reason: telegramError, lease: proof };
    void insist(clock.monotonic() + CONDITION_LIMIT_MS, undefined, async () => {
      const client = parts.replicas.current;
      try {
        await client.invalidateSession(invalidation, { parent: call });
      } catch (error) {
        if (!(error instanceof RpcError && FINAL.has(error.reason))) parts.replicas.leave(client);
        throw error;
      }
    });
  }

  return {
    floodWait: reportWait,
    condition(condition, telegramError) {
      if (condition === 'limited') session.limited?.(telegramError);
      else reportCondition(CONDITIONS[condition], telegramError);
    },
  };
}

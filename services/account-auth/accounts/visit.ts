import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import type { CallOptions } from '#lib/rpc/client-state.ts';
import { DeadlineExceeded, DomainError } from '#lib/rpc/errors.ts';
import { AccountSession } from '#lib/telegram/account-session.ts';
import { accountTag } from '#lib/telegram/call-measures.ts';
import type { Api } from '#lib/telegram/client.ts';
import { AccountBanned, NeedsLogin, TelegramUnreachable } from '#lib/telegram/errors.ts';
import { createFloodGate } from '#lib/telegram/flood-gate.ts';
import type { HeldSession } from '#lib/telegram/held/held-session.ts';
import type { HeldSessions } from '#lib/telegram/held/held-sessions.ts';
import type { PingWheel } from '#lib/telegram/ping-wheel.ts';
import type { EgressSource, HeldEgress } from '../login/egress.ts';
import type { TelegramAccess } from '../telegram.ts';
import type { Accounts } from './accounts.ts';
import { AccountElsewhere, AccountLeased } from './errors.ts';
import type { AccountRow } from './model.ts';

/** What it takes to act as an account. */
export interface AccountsOnTelegram extends TelegramAccess {
  readonly held: HeldSessions;
  readonly egress: EgressSource;
  readonly pings: PingWheel;
  /** For the names of accounts in spans. */
  readonly tagKey: Uint8Array;
  random(): number;
}

type Visiting = Pick<Accounts, 'clock' | 'log'>;

/** For whom, and for how long. */
export type VisitLimits = NonNullable<CallOptions['parent']>;

export interface Visit {
  call<R extends Api.AnyRequest>(request: R): Promise<R['__response']>;
  /** When the connection stood, on the monotonic clock. */
  connectedAt(): number | undefined;
  /** Resolves when no socket is left; lease and claim are kept until the visit is over. */
  disconnect(): Promise<void>;
}

/** No answer in this time is no answer, however long the caller would wait. */
const CALL_LIMIT_MS = 15_000;
const LEASE_TTL_MS = 15_000;
const EGRESS_EVERY_MS = 5_000;

/**
 * Acts as the account, under a lease and an egress claim of this process's own and by the account's own way out. When
 * it comes back no socket is left, and the session is given back. It takes paused sessions too.
 */
export async function visitTelegram<T>(
  accounts: Visiting,
  telegram: AccountsOnTelegram,
  row: AccountRow,
  limits: VisitLimits & { waitMs?: number },
  body: (visit: Visit) => Promise<T>,
): Promise<T> {
  const { tenant_id: tenantId, account_id: accountId, session_id: sessionId } = row;
  if (sessionId === null) throw new NeedsLogin(accountId);
  let session: AccountSession | undefined;
  const { signal, waitMs = 0 } = limits;
  const held = await telegram.held
    .acquire(
      { tenantId, sessionId, evenPaused: true, ttlMs: LEASE_TTL_MS, waitMs, signal },
      { closeSocket: () => session?.close() ?? Promise.resolve() },
    )
    .catch((error: unknown) => {
      throw refusalOf(row, error);
    });
  try {
    const { environment } = held.session;
    if (environment !== telegram.environment.id) throw new AccountElsewhere(sessionId, environment);
    const way = await telegram.egress.resolve(
      { tenantId, accountId, proxyId: '', allowDirect: row.allow_direct },
      limits,
    );
    const keeping = keepWay(accounts, way, held);
    try {
      held.guard.check();
      let connectedAt: number | undefined;
      session = openSession(accounts, telegram, held, way, accountId, () => {
        connectedAt ??= accounts.clock.monotonic();
      });
      const opened = session;
      opened.start();
      return await body({
        call: (request) => opened.call(request, { deadlineMs: callLimit(limits), signal }),
        connectedAt: () => connectedAt,
        disconnect: () => opened.close(),
      });
    } finally {
      await session?.close();
      await keeping.stop();
    }
  } finally {
    await held.release();
  }
}

function callLimit(limits: VisitLimits): number {
  const left = Math.min(limits.remainingMs(), CALL_LIMIT_MS);
  if (left <= 0) throw new DeadlineExceeded();
  return left;
}

function openSession(
  { clock, log }: Visiting,
  telegram: AccountsOnTelegram,
  { guard, session, reports }: HeldSession,
  { egress }: HeldEgress,
  accountId: string,
  connected: () => void,
): AccountSession {
  const { dataCenter, authKey } = session;
  const { environment, application, breakers, pings, tagKey } = telegram;
  return new AccountSession({
    telegram: environment,
    guard,
    dataCenter,
    authKey,
    egress,
    accountId,
    accountTag: accountTag(tagKey, accountId),
    application,
    breakers,
    gate: createFloodGate({ sessionId: guard.sessionId, clock }),
    reports,
    pings,
    // A visit is no time to move: the key that is made there would be lost with it.
    keyMoved: (to) => Promise.reject(new TelegramUnreachable({ dataCenter: to }, { sent: false })),
    onState: (state) => {
      if (state === 'connected') connected();
    },
    clock,
    random: () => telegram.random(),
    log,
  });
}

/** The place on the proxy is kept for as long as the socket may be open. */
function keepWay({ clock, log }: Visiting, way: HeldEgress, held: HeldSession): { stop(): Promise<void> } {
  let isOver = false;
  const warn = (error: unknown): void =>
    log.warn({ event: 'egress_not_kept', err: error }, 'a place on a proxy was not renewed or given back');
  const renew = async (): Promise<void> => {
    if (isOver) return;
    const isKept = await way.renew().catch((error: unknown) => {
      warn(error);
      return true;
    });
    if (!isKept) void held.release();
    else if (!isOver) timer = clock.setTimer(EGRESS_EVERY_MS, () => void renew());
  };
  let timer = clock.setTimer(EGRESS_EVERY_MS, () => void renew());
  return {
    async stop() {
      isOver = true;
      timer.cancel();
      await way.letGo().catch(warn);
    },
  };
}

/** In the words of an account what the pool said of its session. */
function refusalOf({ account_id: accountId, session_id: sessionId }: AccountRow, error: unknown): unknown {
  if (!(error instanceof DomainError)) return error;
  const { reason, metadata } = error;
  const { holder, state } = metadata;
  if (reason === ErrorReason.NO_FREE_SESSION && holder !== undefined)
    return new AccountLeased(sessionId!, holder, metadata);
  if (reason === ErrorReason.NOT_FOUND) return new NeedsLogin(accountId);
  if (reason !== ErrorReason.SESSION_UNUSABLE) return error;
  if (state === 'needs_login') return new NeedsLogin(accountId);
  if (state === 'banned' || state === 'frozen') return new AccountBanned(accountId, state);
  return error;
}

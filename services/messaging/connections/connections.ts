import type { Actor } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import { servicePrincipal, type Principal } from '#lib/auth/principal.ts';
import { expired, pause, within, type Clock } from '#lib/lifecycle/clock.ts';
import { DeadlineExceeded, GoingAway } from '#lib/rpc/errors.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { LeaseLost } from '#lib/telegram/errors.ts';
import type { ConnectionState } from '#lib/telegram/lasting-link.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { LeaseOfAnother, TelegramNotNamed } from '../errors.ts';
import { keyOf, readActor, type Wanted } from './actor.ts';
import { HeldElsewhere, isForwarded } from './elsewhere.ts';
import { AccountMoved, type Holding } from './holding.ts';
import type { Keeper } from './keeper.ts';
import type {
  Connections,
  KeptAccount,
  LiveCallOptions,
  LiveSession,
  SessionEvent,
  Standing,
} from './live-session.ts';
import { unlessAborted } from './giving-up.ts';
import * as store from './store.ts';
import { take, type TakingParts } from './taking.ts';
import { turnOf, viewOf } from './view.ts';

export interface ConnectionsParts {
  /** Everything but what is told of a session: that is for this class to hear. */
  taking(listeners: SessionListeners): TakingParts;
  readonly keeper: Keeper;
  readonly isTelegramNamed: boolean;
  readonly idleLimitMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface SessionListeners {
  find(wanted: Wanted): Holding | undefined;
  onState(holding: Holding, state: ConnectionState): void;
  drain(holding: Holding, deadline: Date): void;
}

interface Reach {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
  readonly isForwarded?: boolean;
}

/** Long enough for the lease and the claim of a process that died to run out. */
const TAKE_LIMIT_MS = 25_000;
const OWN_CALL_MS = 30_000;
/** A session that can not connect for so long is given back: its next holder may have another way out. */
const DEGRADED_LIMIT_MS = 60_000;
const SWEEP_MS = 15_000;
const DRAIN_MARGIN_MS = 1_000;
const OWN_TURN = servicePrincipal('messaging', '').subject;

/** The sessions of this process, and how calls reach them. */
export class HeldConnections implements Connections {
  readonly #parts: ConnectionsParts;
  readonly #taking: TakingParts;
  readonly #bySession = new Map<bigint, Holding>();
  readonly #byAccount = new Map<string, Holding>();
  readonly #byLease = new Map<string, Holding>();
  readonly #pending = new Map<string, Promise<Holding>>();
  readonly #listeners = new Set<(session: LiveSession, event: SessionEvent) => void>();
  readonly #views = new WeakMap<Holding, LiveSession>();
  readonly #stopping = new AbortController();
  readonly #sweeping: Promise<void>;

  constructor(parts: ConnectionsParts) {
    this.#parts = parts;
    this.#taking = parts.taking({
      find: (wanted) => this.#find(wanted),
      onState: (holding, state) => this.#stateChanged(holding, state),
      drain: (holding, deadline) => {
        const left = deadline.getTime() - parts.clock.now() - DRAIN_MARGIN_MS;
        void holding.giveBack(Math.max(0, left));
      },
    });
    this.#sweeping = this.#sweep();
  }

  get holdings(): Iterable<Holding> {
    return this.#bySession.values();
  }

  *sessions(): Iterable<LiveSession> {
    for (const holding of this.#bySession.values()) yield this.#viewOf(holding);
  }

  onSession(listener: (session: LiveSession, event: SessionEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async use<T>(
    actor: Actor | undefined,
    ctx: CallContext,
    work: (session: LiveSession) => Promise<T>,
  ): Promise<T> {
    const { principal } = ctx;
    const wanted = readActor(actor, principal.tenantId);
    const reach: Reach = {
      deadlineMs: ctx.remainingMs(),
      signal: ctx.signal,
      isForwarded: isForwarded(ctx),
    };
    const holding = await this.#reach(wanted, reach);
    if (wanted.kind === 'lease') requireOwn(holding, wanted.leaseId, principal);
    return holding.using(() => work(this.#boundTo(holding, wanted, ctx)));
  }

  keep(account: KeptAccount, signal: AbortSignal, onStanding?: (standing: Standing) => void): void {
    const { tenantId, accountId, sessionId } = account;
    const wanted: Wanted =
      sessionId === undefined
        ? { kind: 'account', tenantId, accountId: accountId ?? '' }
        : { kind: 'session', tenantId, sessionId };
    const until = AbortSignal.any([signal, this.#stopping.signal]);
    const tell = (standing: Standing): void => {
      try {
        if (!until.aborted) onStanding?.(standing);
      } catch (err) {
        this.#parts.log.error(
          { event: 'standing_not_heard', err },
          'a watcher failed to hear of its session',
        );
      }
    };
    void this.#parts.keeper.keep(
      {
        wanted,
        reach: () => this.#reach(wanted, { deadlineMs: TAKE_LIMIT_MS, signal: until }),
        here: (holding) => tell({ kind: 'here', session: this.#viewOf(holding) }),
        elsewhere: ({ sessionId: at, processId }) => tell({ kind: 'elsewhere', sessionId: at, processId }),
        refused: (error) => tell({ kind: 'refused', error }),
      },
      until,
    );
  }

  /** New work is refused; what is under way has `graceMs`. Then sockets, claims and leases, of all at once. */
  async close(graceMs: number): Promise<void> {
    this.#stopping.abort(new GoingAway());
    await this.#sweeping;
    await Promise.allSettled(this.#pending.values());
    await Promise.all(Array.from(this.#bySession.values(), (holding) => holding.giveBack(graceMs)));
  }

  async #reach(wanted: Wanted, reach: Reach): Promise<Holding> {
    const { clock } = this.#parts;
    const until = clock.monotonic() + reach.deadlineMs;
    for (;;) {
      if (this.#stopping.signal.aborted) throw new GoingAway();
      const here = this.#find(wanted);
      if (here && !here.isClosing) return here;
      const next: Promise<Holding | string> = here
        ? here.held.ended
        : this.#takeOnce(wanted, reach.isForwarded ?? false);
      const left = until - clock.monotonic();
      const outcome = await within(clock, left, unlessAborted(next, reach.signal));
      if (outcome === expired) throw new DeadlineExceeded();
      if (typeof outcome !== 'string') return outcome;
    }
  }

  #find(wanted: Wanted): Holding | undefined {
    if (wanted.kind === 'account') return this.#byAccount.get(accountKey(wanted.tenantId, wanted.accountId));
    if (wanted.kind === 'lease') {
      const holding = this.#byLease.get(wanted.leaseId);
      if (!holding || holding.held.session.tenantId !== wanted.tenantId) return undefined;
      if (holding.held.lease.fencingToken !== wanted.fencingToken)
        throw new LeaseLost(holding.sessionId, wanted.leaseId);
      return holding;
    }
    const holding = this.#bySession.get(wanted.sessionId);
    return holding && !holding.isCallers && holding.held.session.tenantId === wanted.tenantId
      ? holding
      : undefined;
  }

  /** Whoever wants the same meanwhile gets the same. */
  #takeOnce(wanted: Wanted, isSentHere: boolean): Promise<Holding> {
    const key = keyOf(wanted);
    const pending = this.#pending.get(key);
    if (pending) return pending;
    const taking = this.#take(wanted, isSentHere).finally(() => this.#pending.delete(key));
    this.#pending.set(key, taking);
    return taking;
  }

  async #take(wanted: Wanted, isSentHere: boolean): Promise<Holding> {
    if (!this.#parts.isTelegramNamed) throw new TelegramNotNamed();
    const { database, processId, peers } = this.#taking;
    if (!isSentHere && wanted.kind !== 'lease') {
      const holder = await store.findHolder(database, wanted);
      if (holder && holder.processId !== processId && !peers.isSuspected(holder.processId))
        throw new HeldElsewhere(holder);
    }
    const holding = await take(this.#taking, wanted, TAKE_LIMIT_MS);
    if (this.#bySession.get(holding.sessionId) === holding) return holding;
    this.#enter(holding, wanted);
    if (this.#stopping.signal.aborted) void holding.giveBack(0);
    return holding;
  }

  #enter(holding: Holding, wanted: Wanted): void {
    const { keeper } = this.#parts;
    const { sessionId, tenantId, accountId } = holding.held.session;
    const account = accountKey(tenantId, accountId);
    this.#bySession.set(sessionId, holding);
    if (wanted.kind === 'lease') this.#byLease.set(wanted.leaseId, holding);
    else {
      if (accountId !== '') this.#byAccount.set(account, holding);
      keeper.entered({ sessionId, tenantId, accountId });
    }
    this.#tell(holding, 'up');
    void holding.held.ended.then(() => {
      if (this.#bySession.get(sessionId) === holding) this.#bySession.delete(sessionId);
      if (this.#byAccount.get(account) === holding) this.#byAccount.delete(account);
      if (wanted.kind === 'lease' && this.#byLease.get(wanted.leaseId) === holding)
        this.#byLease.delete(wanted.leaseId);
      if (!holding.isCallers) keeper.left(sessionId);
      this.#tell(holding, 'down');
    });
  }

  #stateChanged(holding: Holding, state: ConnectionState): void {
    if (this.#bySession.get(holding.sessionId) !== holding) return;
    this.#tell(holding, 'state');
    // Telegram refused the key, or the lease is over: there is nothing to hold.
    if (state === 'closed' && !holding.isClosing) void holding.giveBack(0);
  }

  #tell(holding: Holding, event: SessionEvent): void {
    const view = this.#viewOf(holding);
    for (const listener of this.#listeners) {
      try {
        listener(view, event);
      } catch (err) {
        this.#parts.log.error({ event: 'session_listener_failed', err }, 'a listener to sessions failed');
      }
    }
  }

  /** Gives back what nobody uses or watches, and what does not connect. */
  async #sweep(): Promise<void> {
    const { clock, idleLimitMs, log } = this.#parts;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await pause(clock, Math.min(SWEEP_MS, Math.max(250, idleLimitMs / 4)), signal);
      if (signal.aborted) return;
      try {
        const idle: Holding[] = [];
        for (const holding of this.#bySession.values()) {
          if (holding.isUsed || holding.isClosing) continue;
          const isStuck =
            holding.state === 'degraded' && clock.now() - holding.stateSince > DEGRADED_LIMIT_MS;
          if (isStuck) void holding.giveBack(0);
          else if (holding.keeps === 0 && clock.monotonic() - holding.lastUsed > idleLimitMs)
            idle.push(holding);
        }
        if (idle.length === 0) continue;
        const kept = await store.keptAmong(
          this.#taking.database,
          idle.map(({ sessionId }) => sessionId),
        );
        for (const holding of idle)
          if (!kept.has(holding.sessionId) && !holding.isUsed) void holding.giveBack(0);
      } catch (err) {
        log.warn({ event: 'idle_sweep', err }, 'sessions that nobody uses are looked for again');
      }
    }
  }

  #viewOf(holding: Holding): LiveSession {
    const known = this.#views.get(holding);
    if (known) return known;
    const view = viewOf(holding, (request, options = {}) =>
      holding.call(request, { deadlineMs: OWN_CALL_MS, ...options, caller: OWN_TURN }),
    );
    this.#views.set(holding, view);
    return view;
  }

  #boundTo(first: Holding, wanted: Wanted, ctx: CallContext): LiveSession {
    const caller = turnOf(ctx.principal);
    const call = async <R extends Parameters<LiveSession['call']>[0]>(
      request: R,
      options: LiveCallOptions = {},
    ): Promise<R['__response']> => {
      const limits = { deadlineMs: ctx.remainingMs(), signal: ctx.signal, ...options, caller };
      try {
        return await first.call(request, limits);
      } catch (error) {
        if (!(error instanceof AccountMoved)) throw error;
      }
      const { deadlineMs } = limits;
      const next = await this.#reach(wanted, { deadlineMs, signal: limits.signal, isForwarded: true });
      return next.using(() => next.call(request, { ...limits, deadlineMs: ctx.remainingMs() }));
    };
    return viewOf(first, call);
  }
}

/** An id and a token prove the lease, not whose it is. */
function requireOwn({ held: { session } }: Holding, leaseId: string, principal: Principal): void {
  if (principal.role === 'operator' || principal.subject === session.subject) return;
  throw new LeaseOfAnother(session.sessionId, leaseId);
}

function accountKey(tenantId: string, accountId: string): string {
  return `${tenantId} ${accountId}`;
}

import { within, type Clock } from '#lib/lifecycle/clock.ts';
import { GoingAway, QuotaExceeded } from '#lib/rpc/errors.ts';
import { AccountSession } from '#lib/telegram/account-session.ts';
import type { Breakers } from '#lib/telegram/breakers.ts';
import { Api } from '#lib/telegram/client.ts';
import type { TelegramEnvironment } from '#lib/telegram/environment.ts';
import { BreakerOpen, FloodWait, LeaseLost } from '#lib/telegram/errors.ts';
import { createFloodGate } from '#lib/telegram/flood-gate.ts';
import type { HeldSession } from '#lib/telegram/held/held-session.ts';
import type { ConnectionState } from '#lib/telegram/lasting-link.ts';
import type { Application } from '#lib/telegram/link.ts';
import { methodOf } from '#lib/telegram/method.ts';
import type { PingWheel } from '#lib/telegram/ping-wheel.ts';
import { UpdateLoop } from '#lib/telegram/updates.ts';
import type { Freshness } from '#lib/telegram/updates/freshness.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { WayOut } from './egress.ts';
import { pauseUnlessAborted } from './giving-up.ts';
import type { LiveCallOptions, UpdatesSource } from './live-session.ts';
import { Pacer } from './pacer.ts';
import { Turns } from './turns.ts';

/** What the sessions of a process share. */
export interface HoldingParts {
  readonly telegram: TelegramEnvironment;
  readonly application: Application;
  readonly breakers: Breakers;
  readonly pings: PingWheel;
  readonly freshness: Freshness;
  readonly updatesSource: UpdatesSource | undefined;
  readonly clock: Clock;
  random(): number;
  readonly log: Logger;
  tagOf(sessionId: bigint): string;
  knownUser(sessionId: bigint): Promise<bigint | undefined>;
  userFound(known: { sessionId: bigint; tenantId: string; userId: bigint }): Promise<void>;
  keyMoved(holding: Holding, dataCenter: number, authKey: Buffer): Promise<void>;
  onState(holding: Holding, state: ConnectionState): void;
}

export interface HoldingCall extends LiveCallOptions {
  readonly deadlineMs: number;
  /** Whose turn it is. */
  readonly caller: string;
}

/** Telegram moved the account: the lease on its old key is over, and the call goes again under the next. */
export class AccountMoved extends Error {
  override readonly name = 'AccountMoved';
}

const FIND_USER_MS = 20_000;
/** What a wait for Telegram's sake leaves of the caller's time. */
const MARGIN_MS = 50;

/** One session held by this process: its connection, its updates, and who calls next. */
export class Holding {
  readonly held: HeldSession;
  readonly isCallers: boolean;
  readonly since: number;
  /** Watchers of this process. */
  keeps = 0;
  lastUsed: number;
  refused = 0;
  latencyMs: number | undefined;
  stateSince: number;
  wasConnected = false;
  userId: bigint | undefined;
  updates: UpdateLoop | undefined;
  readonly turns: Turns;
  readonly #parts: HoldingParts;
  readonly #pacer: Pacer;
  readonly #gate: ReturnType<typeof createFloodGate>;
  readonly #wayOut: WayOut;
  readonly #session: AccountSession;
  /** Resolved once calls may go: until then the account itself is found out. */
  #ready: Promise<void> = Promise.resolve();
  #isFinding = false;
  #isClosing = false;
  #isMoved = false;
  #closed: Promise<void> | undefined;
  #idle: (() => void)[] = [];
  #using = 0;

  constructor(parts: HoldingParts, held: HeldSession, wayOut: WayOut, isCallers: boolean) {
    const { clock } = parts;
    this.#parts = parts;
    this.held = held;
    this.isCallers = isCallers;
    this.#wayOut = wayOut;
    this.since = this.stateSince = clock.now();
    this.lastUsed = clock.monotonic();
    this.#pacer = new Pacer(clock);
    this.turns = new Turns({ clock, pacer: this.#pacer });
    const { sessionId, dataCenter, authKey, accountId, userId } = held.session;
    this.userId = userId;
    this.#gate = createFloodGate({ sessionId, clock });
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the options are read again when the loop is there
    const holding = this;
    this.#session = new AccountSession({
      telegram: parts.telegram,
      guard: held.guard,
      dataCenter,
      authKey,
      egress: wayOut.egress,
      accountId,
      accountTag: parts.tagOf(sessionId),
      application: parts.application,
      breakers: parts.breakers,
      gate: this.#gate,
      reports: held.reports,
      pings: parts.pings,
      get updates() {
        return holding.updates;
      },
      keyMoved: async (at, key) => {
        this.#isMoved = true;
        await parts.keyMoved(this, at, key);
      },
      onState: (state) => this.#stateChanged(state),
      clock,
      random: () => parts.random(),
      log: parts.log,
    });
  }

  /** On the clock that `lastUsed` is of. */
  now(): number {
    return this.#parts.clock.monotonic();
  }

  get sessionId(): bigint {
    return this.held.session.sessionId;
  }

  get state(): ConnectionState {
    return this.#session.state;
  }

  get dataCenter(): number {
    return this.#session.dataCenter;
  }

  get proxyId(): string {
    const { egress } = this.#wayOut;
    return egress.kind === 'direct' ? '' : egress.proxyId;
  }

  get egressName(): string {
    return this.proxyId === '' ? 'direct' : `proxy:${this.proxyId}`;
  }

  get waits(): ReturnType<ReturnType<typeof createFloodGate>['waits']> {
    return this.#gate.waits();
  }

  get running(): number {
    return this.turns.running;
  }

  /** It is being given back: nobody begins anything on it. */
  get isClosing(): boolean {
    return this.#isClosing || this.held.guard.lost.aborted;
  }

  get isUsed(): boolean {
    return this.#using > 0 || this.turns.running + this.turns.queued > 0;
  }

  /** Begins to connect; the updates go on from where they stood when the account is known. */
  async start(): Promise<void> {
    this.userId ??= await this.#parts.knownUser(this.sessionId);
    if (this.userId !== undefined) await this.#openUpdates(this.userId);
    else if (this.#parts.updatesSource) this.#ready = this.#findUser();
    this.#session.start();
  }

  /** `work` is under way on it: it is not given back meanwhile unless it must be. */
  async using<T>(work: () => Promise<T>): Promise<T> {
    this.#using += 1;
    try {
      return await work();
    } finally {
      this.#using -= 1;
      this.lastUsed = this.#parts.clock.monotonic();
      if (!this.isUsed) for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  async call<R extends Api.AnyRequest>(request: R, call: HoldingCall): Promise<R['__response']> {
    const { clock } = this.#parts;
    const until = clock.monotonic() + call.deadlineMs;
    const left = (): number => Math.max(0, until - clock.monotonic());
    await within(clock, left(), this.#ready);
    for (;;) {
      try {
        return await this.#inTurn(request, call, left);
      } catch (error) {
        if (error instanceof LeaseLost && this.#isMoved && !this.isCallers) throw new AccountMoved();
        if (error instanceof FloodWait && call.waitForFlood) {
          const waitMs = error.wait.seconds * 1_000;
          if (waitMs + MARGIN_MS < left() && !call.signal?.aborted) {
            await pauseUnlessAborted(clock, waitMs, [this.held.guard.lost, call.signal]);
            continue;
          }
        }
        if (isRefusal(error)) this.refused += 1;
        throw error;
      }
    }
  }

  /** Somebody else reported a wait. */
  learn(method: string, peer: string, seconds: number): void {
    this.#gate.learn({
      kind: 'flood',
      ...(method === '' ? {} : { method }),
      ...(peer === '' ? {} : { peer }),
      seconds,
    });
  }

  /** No new work; what is under way is waited for. Then socket, claim and lease. */
  async giveBack(withinMs: number): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true;
      this.#parts.onState(this, this.state);
    }
    if (this.isUsed && !this.held.guard.lost.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#idle.push(resolve);
      await within(this.#parts.clock, withinMs, Promise.race([promise, this.held.ended]));
    }
    await this.held.release();
  }

  /** For the pool side: resolves after the socket's close event. */
  closeSocket(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.turns.close(this.#isMoved ? new LeaseLost(this.sessionId) : new GoingAway());
    await this.#session.close();
    this.#wayOut.closed();
    // What the updates' reader still has, it may have for longer than the claim lives.
    void this.updates?.close().catch((error: unknown) => {
      this.#parts.log.warn({ event: 'updates_not_saved', err: error }, 'updates will come again');
    });
  }

  async #inTurn<R extends Api.AnyRequest>(
    request: R,
    { caller, peer, signal }: HoldingCall,
    left: () => number,
  ): Promise<R['__response']> {
    const { clock } = this.#parts;
    const method = methodOf(request).name;
    this.#gate.check(method, peer);
    await this.turns.enter({ caller, method, deadlineMs: left(), ...(signal ? { signal } : {}) });
    const began = clock.monotonic();
    try {
      this.#gate.check(method, peer);
    } catch (error) {
      this.turns.leave();
      throw error;
    }
    try {
      const limits = {
        deadlineMs: left(),
        ...(signal ? { signal } : {}),
        ...(peer === undefined ? {} : { peer }),
      };
      const answer: R['__response'] = await this.#session.call(request, limits);
      this.latencyMs = clock.monotonic() - began;
      return answer;
    } catch (error) {
      // Known waits were looked at a moment ago: this one is Telegram's.
      if (error instanceof FloodWait && error.wait.peer === undefined) this.#pacer.waited(method);
      throw error;
    } finally {
      this.turns.leave();
      this.lastUsed = clock.monotonic();
    }
  }

  async #openUpdates(userId: bigint): Promise<void> {
    const { updatesSource, clock, log, freshness } = this.#parts;
    const { sessionId, accountId, tenantId } = this.held.session;
    const source = updatesSource?.({ sessionId, accountId, tenantId, userId });
    if (!source) return;
    const updates = new UpdateLoop({ ...source, selfId: userId, clock, log, freshness });
    await updates.load();
    this.updates = updates;
  }

  /** A key does not tell whose it is, and updates can not be read without: Telegram is asked, once. */
  async #findUser(): Promise<void> {
    const { log } = this.#parts;
    this.#isFinding = true;
    try {
      const [me] = await this.#session.call(new Api.users.GetUsers({ id: [new Api.InputUserSelf()] }), {
        deadlineMs: FIND_USER_MS,
        signal: this.held.guard.lost,
      });
      if (!(me instanceof Api.User)) throw new TypeError('Telegram does not say who the account is');
      this.userId = BigInt(String(me.id));
      const { tenantId } = this.held.session;
      await this.#parts.userFound({ sessionId: this.sessionId, tenantId, userId: this.userId });
      await this.#openUpdates(this.userId);
      // The updates are listened to from the beginning of a connection.
      if (this.updates) this.#session.useEgress(this.#wayOut.egress);
    } catch (error) {
      if (!this.isClosing)
        log.warn(
          { event: 'user_not_found_out', err: error },
          'the updates of a session are not followed yet',
        );
    } finally {
      this.#isFinding = false;
    }
  }

  #stateChanged(state: ConnectionState): void {
    this.stateSince = this.#parts.clock.now();
    if (state === 'connected') {
      this.wasConnected = true;
      const { updatesSource } = this.#parts;
      if (this.userId === undefined && updatesSource && !this.#isFinding) this.#ready = this.#findUser();
    }
    this.#parts.onState(this, state);
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof FloodWait || error instanceof BreakerOpen || error instanceof QuotaExceeded;
}

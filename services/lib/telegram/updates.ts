import { within, type Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { Api } from './client.ts';
import { Delivery, type UpdateHandler } from './updates/delivery.ts';
import { openPush } from './updates/envelope.ts';
import type { Freshness, Watched } from './updates/freshness.ts';
import type { Scope } from './updates/notice.ts';
import { channelsIn, openAnswer } from './updates/own-calls.ts';
import { Recovery, type Invoke } from './updates/recovery.ts';
import { StateSaver } from './updates/saver.ts';
import { UpdateSequence } from './updates/sequence.ts';
import type { UpdateStore } from './updates/state.ts';

export interface UpdateLoopOptions {
  /** The account's own id: short forms leave it out. */
  selfId: bigint;
  store: UpdateStore;
  /** Gets what happened in order, each once; what a crash cut off comes again. */
  handler: UpdateHandler;
  clock: Clock;
  log: Logger;
  freshness?: Freshness;
  limits?: Partial<UpdateLimits>;
}

export interface UpdateLimits {
  /** How long a step that is missing is waited for before the difference is asked for. */
  patienceMs: number;
  /** Notices that wait for the handler; with more of them the session falls behind, says so, and catches up. */
  mostWaiting: number;
  saveEveryMs: number;
  callDeadlineMs: number;
  /** Dialogs asked for when a session begins, to know where its channels stand. */
  firstDialogs: number;
}

const DEFAULT_LIMITS: UpdateLimits = {
  patienceMs: 500,
  mostWaiting: 1_000,
  saveEveryMs: 1_000,
  callDeadlineMs: 30_000,
  firstDialogs: 100,
};

const CLOSE_MS = 5_000;

/**
 * The updates of one session, over all its connections: put in order, counted, and made whole again by differences.
 * Feed it every push (`receive`) and the answer of every call of one's own (`answered`).
 */
export class UpdateLoop implements Watched {
  readonly #options: UpdateLoopOptions;
  readonly #limits: UpdateLimits;
  readonly #sequence: UpdateSequence;
  readonly #recovery: Recovery;
  readonly #delivery: Delivery;
  readonly #saver: StateSaver;
  #invoke: Invoke | undefined;
  #lastHeardMs: number;
  #isClosed = false;
  #isSkipping = false;
  #probesAhead = 0;

  constructor(options: UpdateLoopOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    const { clock, log, handler, store } = options;
    const { saveEveryMs, mostWaiting, callDeadlineMs, firstDialogs } = this.#limits;
    this.#lastHeardMs = clock.monotonic();
    this.#saver = new StateSaver({ store, everyMs: saveEveryMs, clock, log });
    this.#delivery = new Delivery({
      handler,
      limit: mostWaiting,
      clock,
      log,
      taken: (marks) => this.#saver.taken(marks),
      roomAgain: () => {
        this.#isSkipping = false;
        this.#sequence.catchUp();
      },
    });
    this.#sequence = new UpdateSequence(options.selfId, {
      deliver: (notice, mark) => this.#delivery.put(notice, mark),
      wait: (scope) => this.#wait(scope),
      fetch: (scope) => this.#recovery.fetch(scope),
      resync: () => this.#recovery.begin('state-refused'),
    });
    this.#recovery = new Recovery({
      sequence: this.#sequence,
      room: () => this.#delivery.room(),
      heard: () => this.#heard(),
      clock,
      log,
      callDeadlineMs,
      firstDialogs,
    });
  }

  /** Reads the state that was kept; once, before the first connection. */
  async load(): Promise<void> {
    const state = await this.#options.store.load();
    if (!state) return;
    this.#sequence.load(state);
    this.#saver.loaded(state);
  }

  get isConnected(): boolean {
    return this.#invoke !== undefined;
  }

  get lastHeardMs(): number {
    return this.#lastHeardMs;
  }

  /** Probes that found Telegram ahead: silence that was none, or a push on its way. */
  get probesAhead(): number {
    return this.#probesAhead;
  }

  get waiting(): number {
    return this.#delivery.size;
  }

  /** True when nothing is being fetched and nothing waits for the handler. */
  get isSettled(): boolean {
    return this.#recovery.isIdle && this.#delivery.size === 0;
  }

  /** A connection is up, its updates come to `receive`: whatever came since the last one is asked for. */
  connected(invoke: Invoke): void {
    if (this.#isClosed) return;
    this.#invoke = invoke;
    this.#heard();
    if (this.#sequence.isStarted) this.#sequence.reconnected();
    else this.#recovery.begin();
    this.#recovery.connected(invoke);
    this.#options.freshness?.watch(this);
  }

  disconnected(): void {
    this.#invoke = undefined;
    this.#options.freshness?.unwatch(this);
    this.#recovery.disconnected();
  }

  receive(raw: Api.TypeUpdates): void {
    if (this.#isClosed) return;
    this.#heard();
    this.#take(openPush(raw, this.#options.selfId));
  }

  /** What a call of this session changed counts like a push. */
  answered(request: Api.AnyRequest, answer: unknown): void {
    if (this.#isClosed) return;
    this.#heard();
    for (const { id, pts, accessHash } of channelsIn(answer))
      this.#sequence.learnChannel(id, pts, accessHash);
    const opened = openAnswer(request, answer, this.#options.selfId);
    if (opened) this.#take(opened);
  }

  #take(envelope: ReturnType<typeof openPush>): void {
    if (!this.#delivery.isFull) return this.#sequence.receive(envelope);
    if (!this.#isSkipping) this.#sequence.gap('slow-handler');
    this.#isSkipping = true;
    this.#sequence.skip(envelope);
  }

  #wait(scope: Scope): void {
    this.#options.clock.setTimer(this.#limits.patienceMs, () => {
      if (!this.#isClosed) this.#sequence.patienceOver(scope);
    });
  }

  #heard(): void {
    this.#lastHeardMs = this.#options.clock.monotonic();
  }

  /** Asks where Telegram stands; whatever it did not push is fetched. */
  async probe(): Promise<void> {
    const invoke = this.#invoke;
    if (!invoke) return;
    const { log } = this.#options;
    try {
      const state = await invoke(new Api.updates.GetState(), { deadlineMs: this.#limits.callDeadlineMs });
      if (invoke !== this.#invoke) return;
      this.#heard();
      if (this.#sequence.expect(state)) this.#probesAhead += 1;
    } catch (error) {
      // The age goes on growing, and whoever watches it acts on that.
      log.warn({ event: 'updates_probe_failed', err: error }, 'a quiet session did not answer');
    }
  }

  /** Waits a while for the handler to be done with what it has, and saves what it took. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.disconnected();
    await within(this.#options.clock, CLOSE_MS, this.#delivery.close());
    await this.#saver.flush();
  }
}

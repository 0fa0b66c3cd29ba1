import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { ConnectionState } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { WatchMessagesResponseSchema } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { pause } from '#lib/lifecycle/clock.ts';
import { DomainError, GoingAway, NotFound } from '#lib/rpc/errors.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import type { OutStream } from '#lib/rpc/streams.ts';
import type { Standing } from '../connections/live-session.ts';
import { cursorOf } from './cursor.ts';
import type { TenantSessions } from './directory.ts';
import * as store from './store.ts';
import type { Follower, LogEvent, Tail } from './tail.ts';
import type { Watching } from './open.ts';
import { stateOf } from './told.ts';

type Out = OutStream<typeof WatchMessagesResponseSchema>;

export interface WatchParts extends Omit<Watching, 'directory'> {
  readonly tenantId: string;
  readonly directory: TenantSessions;
  readonly tail: Tail;
  /** Undefined: all of the tenant, later ones included. */
  readonly accountIds: readonly string[] | undefined;
  readonly out: Out;
  readonly ctx: CallContext;
}

const UNREACHABLE =
  'No connection to Telegram can be made by the way that the account goes; it is tried again.';
const PAGE = 200;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2_000;

/** What no trying again changes. */
const FINAL: ReadonlySet<ErrorReason> = new Set([
  ErrorReason.ACCOUNT_BANNED,
  ErrorReason.NEEDS_LOGIN,
  ErrorReason.SESSION_UNUSABLE,
  ErrorReason.NOT_FOUND,
]);

/** One stream: its place in the log, the sessions that are kept for it, and what it is told besides. */
export class Watch {
  readonly #parts: WatchParts;
  readonly #follower: Follower;
  readonly #kept = new Map<bigint, () => void>();
  readonly #refused = new Map<bigint, Error>();
  /** The newest word on connections that are not in the log. */
  readonly #states = new Map<bigint, ConnectionState>();
  /** Positions up to which the reader knows that events are gone. */
  readonly #toldGone = new Map<bigint, bigint>();
  #position: bigint;
  #wakeUp: (() => void) | undefined;
  #over: Error | undefined;

  constructor(parts: WatchParts, from: bigint) {
    this.#parts = parts;
    this.#position = from;
    const { accountIds, directory } = parts;
    const sessions = accountIds?.flatMap((accountId) => directory.sessionOf(accountId) ?? []);
    this.#follower = {
      sessions: sessions && new Set(sessions),
      due: from,
      wake: () => this.#wake(),
    };
  }

  /** Until the caller, its right or the process ends; rejects with why. */
  async run(): Promise<void> {
    const { ctx, directory, tail } = this.#parts;
    const onEnd = (): void => this.#wake();
    const endings = [
      tail.follow(this.#follower),
      directory.onChange(() => this.#sessionsChanged()),
      ctx.onGoAway(() => this.#end(new GoingAway())),
      () => ctx.signal.removeEventListener('abort', onEnd),
      () => this.#kept.forEach((release) => release()),
    ];
    ctx.signal.addEventListener('abort', onEnd);
    try {
      await this.#tellStates();
      this.#sessionsChanged();
      while (!ctx.signal.aborted) {
        await this.#sendStates();
        await this.#sendEvents();
        if (this.#over) throw this.#over;
        if (this.#follower.due === undefined && this.#states.size === 0) await this.#woken();
      }
    } finally {
      for (const end of endings) end();
    }
  }

  #end(why: Error): void {
    this.#over ??= why;
    this.#wake();
  }

  #wake(): void {
    this.#wakeUp?.();
    this.#wakeUp = undefined;
  }

  #woken(): Promise<void> {
    if (this.#over || this.#parts.ctx.signal.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wakeUp = resolve;
    return promise;
  }

  /** How each account stands at the beginning: the first thing that a stream says, with a cursor to go on from. */
  async #tellStates(): Promise<void> {
    const { database, tenantId, directory } = this.#parts;
    const sessionIds = [...(this.#follower.sessions ?? directory.sessions.keys())];
    const states = await store.connectionStates(database, tenantId, sessionIds);
    for (const sessionId of sessionIds)
      await this.#sendState(sessionId, states.get(sessionId) ?? ConnectionState.CONNECTING);
  }

  #sessionsChanged(): void {
    const { directory, keeping, tenantId, accountIds } = this.#parts;
    const wanted = this.#follower.sessions ?? new Set(directory.sessions.keys());
    for (const sessionId of wanted) {
      if (!directory.sessions.has(sessionId) || this.#kept.has(sessionId)) continue;
      const hear = (id: bigint, standing: Standing): void => this.#hear(id, standing);
      // Noted before it is kept: what is known is told at once.
      this.#kept.set(sessionId, () => undefined);
      this.#kept.set(sessionId, keeping.keep({ tenantId, sessionId }, hear));
    }
    for (const [sessionId, release] of this.#kept) {
      if (directory.sessions.has(sessionId)) continue;
      release();
      this.#kept.delete(sessionId);
      this.#states.set(sessionId, ConnectionState.CLOSING);
    }
    if (accountIds && this.#kept.size === 0) this.#end(new NotFound('account', accountIds.join(', ')));
    this.#wake();
  }

  #hear(sessionId: bigint, standing: Standing): void {
    if (standing.kind !== 'refused') {
      if (this.#refused.delete(sessionId)) void this.#tellAgain(sessionId, standing);
      return this.#wake();
    }
    this.#refused.set(sessionId, standing.error);
    this.#states.set(sessionId, ConnectionState.DEGRADED);
    const isFinal = [...this.#refused.values()].every(
      (error) => error instanceof DomainError && FINAL.has(error.reason),
    );
    const named = this.#follower.sessions;
    // Nothing will come any more.
    if (named && isFinal && this.#refused.size === named.size) this.#end(standing.error);
    this.#wake();
  }

  /** The log may have said long ago how it is connected: whoever heard of a refusal since must hear it again. */
  async #tellAgain(sessionId: bigint, standing: Standing): Promise<void> {
    const { database, tenantId } = this.#parts;
    const state =
      standing.kind === 'here'
        ? stateOf(standing.session.state)
        : (await this.#patiently(() => store.connectionStates(database, tenantId, [sessionId])))?.get(
            sessionId,
          );
    if (this.#refused.has(sessionId)) return;
    this.#states.set(sessionId, state ?? ConnectionState.CONNECTING);
    this.#wake();
  }

  async #sendStates(): Promise<void> {
    for (const [sessionId, state] of this.#states) {
      this.#states.delete(sessionId);
      await this.#sendState(sessionId, state);
    }
  }

  #sendState(sessionId: bigint, value: ConnectionState): Promise<void> {
    return this.#parts.out.send({
      cursor: cursorOf(this.#position),
      accountId: this.#accountOf(sessionId),
      event: { case: 'connectionState', value },
      stateReason: this.#whyDegraded(sessionId, value),
    });
  }

  #whyDegraded(sessionId: bigint, state: ConnectionState): string {
    if (state !== ConnectionState.DEGRADED) return '';
    return this.#refused.get(sessionId)?.message ?? UNREACHABLE;
  }

  #accountOf(sessionId: bigint): string {
    return this.#parts.directory.sessions.get(sessionId) ?? '';
  }

  async #sendEvents(): Promise<void> {
    const { ctx, tail } = this.#parts;
    const { due } = this.#follower;
    if (due === undefined) return;
    if (due > this.#position) this.#position = due;
    while (!ctx.signal.aborted && !this.#over) {
      const events = tail.after(this.#position);
      if (!events) {
        await this.#sendFromLog();
        continue;
      }
      // Nothing may come between looking and this.
      this.#follower.due = undefined;
      if (events.length === 0) return;
      for (const event of events) await this.#send(event);
    }
  }

  async #send({ position, sessionId, response }: LogEvent): Promise<void> {
    if (this.#over) return;
    const { sessions } = this.#follower;
    if (!sessions || sessions.has(sessionId))
      await this.#parts.out.send({
        cursor: cursorOf(position),
        accountId: this.#accountOf(sessionId) || response.accountId,
        event: response.event,
        stateReason:
          response.event.case === 'connectionState' ? this.#whyDegraded(sessionId, response.event.value) : '',
      });
    this.#position = position;
  }

  /** A page of what the tail has no more; what the log has no more either is a gap. */
  async #sendFromLog(): Promise<void> {
    const { tenantId, tail, tails, database, out } = this.#parts;
    const { sessions } = this.#follower;
    const wanted = {
      tenantId,
      after: this.#position,
      ...(sessions ? { sessionIds: [...sessions] } : {}),
    };
    const { head } = tail;
    const page = await this.#patiently(() => tails.read({ ...wanted, limit: PAGE }));
    const pruned = await this.#patiently(() => store.findPruned(database, wanted));
    if (!page || !pruned) return;
    for (const { sessionId, position } of pruned) {
      if (this.#toldGone.get(sessionId) === position) continue;
      this.#toldGone.set(sessionId, position);
      const reason =
        'events are missing: the log does not go back so far; the reader was slow or the cursor old';
      await out.send({
        cursor: cursorOf(this.#position),
        accountId: this.#accountOf(sessionId),
        event: { case: 'gap', value: { reason } },
      });
    }
    for (const event of page) await this.#send(event);
    if (page.length < PAGE && head > this.#position) this.#position = head;
  }

  /** The database may be away for a while: the stream waits with it. Undefined when the stream is over. */
  async #patiently<T>(work: () => Promise<T>): Promise<T | undefined> {
    const { ctx, clock, log } = this.#parts;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      if (ctx.signal.aborted || this.#over) return undefined;
      try {
        return await work();
      } catch (err) {
        log.warn({ event: 'watch_log_unread', err }, 'a watcher waits: the log can not be read');
      }
      await pause(clock, pauseMs, ctx.signal);
    }
  }
}

import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { Api, wireLong } from '../client.ts';
import type { CallLimits } from '../link.ts';
import type { GapCause, Scope } from './notice.ts';
import { channelsIn } from './own-calls.ts';
import { remedyOf } from './remedy.ts';
import type { UpdateSequence } from './sequence.ts';

export type Invoke = <R extends Api.AnyRequest>(request: R, limits: CallLimits) => Promise<R['__response']>;

export interface RecoveryOptions {
  sequence: UpdateSequence;
  /** Resolves when the handler has room for more. */
  room(): Promise<void>;
  /** Something was heard from Telegram. */
  heard(): void;
  clock: Clock;
  log: Logger;
  callDeadlineMs: number;
  /** Dialogs asked for when a session begins, to know where its channels stand; 0 asks for none. */
  firstDialogs: number;
}

/** The most that Telegram gives of a channel at once to a user. */
const CHANNEL_LIMIT = 100;
const CHANNELS_AT_ONCE = 2;
/** After so many failures a channel goes to the end of the line. */
const MOST_CHANNEL_TRIES = 3;
const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 60_000;

interface Connection {
  readonly invoke: Invoke;
  readonly stop: AbortController;
  /** Being fetched over it. */
  readonly active: Set<Scope>;
}

type Answered<R extends Api.AnyRequest> =
  | { readonly answer: R['__response'] }
  | { readonly failed: 'later' | 'line' | 'void' | 'unreadable' | 'gone' };

/** `later` is with the next connection, `line` is behind the others that wait. */
type Outcome = 'done' | 'later' | 'line';

/** Fetches differences: the account's one at a time, those of channels a few at a time, only while connected. */
export class Recovery {
  readonly #options: RecoveryOptions;
  #connection: Connection | undefined;
  /** Not begun, or cut off by the end of a connection. */
  readonly #wanted = new Set<Scope>();
  /** The counters are void, or there are none yet; why, if that is to be told. */
  #anew: { readonly cause: GapCause | undefined } | undefined;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  get isIdle(): boolean {
    return this.#wanted.size === 0 && (this.#connection?.active.size ?? 0) === 0;
  }

  connected(invoke: Invoke): void {
    this.disconnected();
    this.#connection = { invoke, stop: new AbortController(), active: new Set() };
    this.#pump();
  }

  disconnected(): void {
    this.#connection?.stop.abort();
    this.#connection = undefined;
  }

  fetch(scope: Scope): void {
    this.#wanted.add(scope);
    this.#pump();
  }

  /** Counts from what the server says now. */
  begin(cause?: GapCause): void {
    this.#anew ??= { cause };
    this.fetch('account');
  }

  #pump(): void {
    const connection = this.#connection;
    if (!connection) return;
    const { active } = connection;
    for (const scope of this.#wanted) {
      if (active.has(scope)) continue;
      const channels = active.size - (active.has('account') ? 1 : 0);
      if (scope !== 'account' && channels >= CHANNELS_AT_ONCE) continue;
      active.add(scope);
      this.#wanted.delete(scope);
      void this.#run(scope, connection);
    }
  }

  async #run(scope: Scope, connection: Connection): Promise<void> {
    const outcome =
      scope === 'account' ? await this.#account(connection) : await this.#channel(scope, connection);
    connection.active.delete(scope);
    if (outcome !== 'done') this.#wanted.add(scope);
    // One that failed on the connection there is waits for the next.
    if (outcome !== 'later' || connection !== this.#connection) this.#pump();
  }

  async #account(connection: Connection): Promise<Outcome> {
    const { sequence, room } = this.#options;
    for (;;) {
      await room();
      if (this.#anew) return this.#start(connection, this.#anew);
      const { pts, qts, date } = sequence.state;
      const got = await this.#ask(connection, 'account', new Api.updates.GetDifference({ pts, qts, date }));
      if ('failed' in got) {
        if (got.failed === 'later' || got.failed === 'line') return got.failed;
        this.#anew = { cause: got.failed === 'unreadable' ? 'unreadable' : 'state-refused' };
        continue;
      }
      if (!sequence.accountDifference(got.answer)) return 'done';
      if (sequence.state.pts === pts && sequence.state.qts === qts) this.#anew = { cause: 'state-refused' };
    }
  }

  async #start(connection: Connection, anew: { readonly cause: GapCause | undefined }): Promise<Outcome> {
    const got = await this.#ask(connection, 'account', new Api.updates.GetState());
    if ('failed' in got) return 'later';
    this.#anew = undefined;
    this.#options.sequence.restart(got.answer, anew.cause);
    if (anew.cause === undefined && this.#options.firstDialogs > 0) await this.#learnChannels(connection);
    return 'done';
  }

  async #learnChannels(connection: Connection): Promise<void> {
    const dialogs = await this.#ask(
      connection,
      'account',
      new Api.messages.GetDialogs({
        offsetDate: 0,
        offsetId: 0,
        offsetPeer: new Api.InputPeerEmpty(),
        limit: this.#options.firstDialogs,
        hash: wireLong(0n),
      }),
    );
    // Without them a channel is followed from the first that is heard of it.
    if ('failed' in dialogs) return;
    for (const { id, pts, accessHash } of channelsIn(dialogs.answer))
      this.#options.sequence.learnChannel(id, pts, accessHash);
  }

  async #channel(id: bigint, connection: Connection): Promise<Outcome> {
    const { sequence, room } = this.#options;
    for (;;) {
      await room();
      const channel = sequence.channel(id);
      if (!channel) return 'done';
      const request = new Api.updates.GetChannelDifference({
        channel: new Api.InputChannel({ channelId: wireLong(id), accessHash: wireLong(channel.accessHash) }),
        filter: new Api.ChannelMessagesFilterEmpty(),
        pts: channel.pts,
        limit: CHANNEL_LIMIT,
      });
      const { pts } = channel;
      const got = await this.#ask(connection, id, request);
      if ('failed' in got) {
        if (got.failed === 'later' || got.failed === 'line') return got.failed;
        sequence.forgetChannel(id, CHANNEL_CAUSES[got.failed]);
        return 'done';
      }
      if (!sequence.channelDifference(id, got.answer)) return 'done';
      if (sequence.channel(id)?.pts !== pts) continue;
      sequence.forgetChannel(id, 'state-refused');
      return 'done';
    }
  }

  /** Asks until there is an answer, a refusal that means something, or the connection is over. */
  async #ask<R extends Api.AnyRequest>(
    { invoke, stop: { signal } }: Connection,
    scope: Scope,
    request: R,
  ): Promise<Answered<R>> {
    const { clock, log, callDeadlineMs, heard } = this.#options;
    let backoffMs = FIRST_BACKOFF_MS;
    for (let tries = 1; ; tries += 1, backoffMs = Math.min(2 * backoffMs, LONGEST_BACKOFF_MS)) {
      if (signal.aborted) return { failed: 'later' };
      try {
        const answer = await invoke(request, { deadlineMs: callDeadlineMs, signal });
        if (signal.aborted) return { failed: 'later' };
        heard();
        return { answer };
      } catch (error) {
        if (signal.aborted) return { failed: 'later' };
        const remedy = remedyOf(error, scope === 'account' ? 'account' : 'channel');
        const { className: method } = request;
        log.warn(
          { event: 'updates_call_failed', err: error, method, scope: String(scope), remedy: remedy.kind },
          'a call of the update loop failed',
        );
        if (remedy.kind !== 'retry') return { failed: remedy.kind };
        await pause(clock, remedy.afterMs ?? backoffMs, signal);
        if (scope !== 'account' && tries >= MOST_CHANNEL_TRIES) return { failed: 'line' };
      }
    }
  }
}

const CHANNEL_CAUSES = { void: 'state-refused', unreadable: 'unreadable', gone: 'channel-gone' } as const;

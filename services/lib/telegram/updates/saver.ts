import type { Clock, Timer } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { Mark } from './notice.ts';
import type { ChannelState, UpdateState, UpdateStore } from './state.ts';

export interface SaverOptions {
  store: Pick<UpdateStore, 'save'>;
  /** At most one save in this time. */
  everyMs: number;
  clock: Clock;
  log: Logger;
}

/** Saves what was taken, and never more: a crash repeats the last of it and loses nothing. */
export class StateSaver {
  readonly #options: SaverOptions;
  #account: (Mark & { scope: 'account' }) | undefined;
  #channels: Map<bigint, ChannelState> | undefined;
  #gone: Set<bigint> | undefined;
  #isDirty = false;
  /** Nothing was ever saved: whoever comes after a crash would begin at another place. */
  #isFirst = true;
  #timer: Timer | undefined;
  #saving: Promise<void> | undefined;

  constructor(options: SaverOptions) {
    this.#options = options;
  }

  /** What was loaded needs no saving. */
  loaded({ pts, qts, seq, date }: UpdateState): void {
    this.#account = { scope: 'account', pts, qts, seq, date };
    this.#isFirst = false;
  }

  taken(marks: readonly Mark[]): void {
    for (const mark of marks) this.#note(mark);
    // Without the account's own counters what is known of channels could not be read back.
    if (this.#isDirty && this.#account)
      this.#timer ??= this.#options.clock.setTimer(this.#isFirst ? 0 : this.#options.everyMs, () =>
        this.#due(),
      );
  }

  #note(mark: Mark): void {
    this.#isDirty = true;
    if (mark.scope === 'account') this.#account = mark;
    else if ('gone' in mark) {
      this.#channels?.delete(mark.scope);
      (this.#gone ??= new Set()).add(mark.scope);
    } else {
      this.#gone?.delete(mark.scope);
      (this.#channels ??= new Map()).set(mark.scope, { pts: mark.pts, accessHash: mark.accessHash });
    }
  }

  #due(): void {
    this.#timer = undefined;
    this.#saving ??= this.#save().finally(() => {
      this.#saving = undefined;
      this.taken([]);
    });
  }

  async #save(): Promise<void> {
    const account = this.#account;
    if (!account || !this.#isDirty) return;
    const channels = this.#channels;
    const gone = this.#gone;
    this.#channels = undefined;
    this.#gone = undefined;
    this.#isDirty = false;
    this.#isFirst = false;
    const { pts, qts, date, seq } = account;
    const { store, log } = this.#options;
    try {
      await store.save({ pts, qts, date, seq, channels: channels ?? NONE, gone: gone ?? NO_IDS });
    } catch (error) {
      log.warn({ event: 'update_state_not_saved', err: error }, 'the state of updates was not saved');
      this.#putBack(channels, gone);
    }
  }

  /** What changed meanwhile is newer. */
  #putBack(channels: Map<bigint, ChannelState> | undefined, gone: Set<bigint> | undefined): void {
    this.#isDirty = true;
    for (const [id, state] of channels ?? []) {
      if (!this.#channels?.has(id) && !this.#gone?.has(id)) (this.#channels ??= new Map()).set(id, state);
    }
    for (const id of gone ?? []) if (!this.#channels?.has(id)) (this.#gone ??= new Set()).add(id);
  }

  /** Saves now what was taken; rejects never, tells in the log. */
  async flush(): Promise<void> {
    await this.#saving;
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#save();
  }
}

const NONE: ReadonlyMap<bigint, ChannelState> = new Map();
const NO_IDS: ReadonlySet<bigint> = new Set();

import { isMessageUpdate, markOf, newBox, sumOf, type Box, type Step } from './box.ts';
import { fit } from './counters.ts';
import { NOBODY } from './envelope.ts';
import type { Entities, Gap, GapCause, Mark, Notice, Scope } from './notice.ts';
import { channelHashes } from './peers.ts';
import type { UpdateState } from './state.ts';

/** Steps held a box while one before them is missing; more than that, and the difference is fetched at once. */
const MOST_HELD = 100;
/** After so many differences without what is missing, it is taken to be nowhere. */
const MOST_VAIN_FETCHES = 5;
/** Telegram lets an account be in 1,000 at most. */
const MOST_CHANNELS = 2_000;

export interface BoxOutputs {
  deliver(notice: Notice | undefined, mark: Mark | undefined): void;
  /** A step is missing: call `patienceOver` a little later. */
  wait(scope: Scope): void;
  /** The difference of this scope is needed. */
  fetch(scope: Scope): void;
}

/** All the counters of a session: steps are taken in order, held, or dropped, and missing ones are asked for. */
export class Boxes {
  readonly #out: BoxOutputs;
  readonly account: Box = newBox('account');
  readonly #channels = new Map<bigint, Box>();
  /** Channels with a step missing or a difference under way: until there are none, the date must stay. */
  readonly #unsettled = new Set<Scope>();
  #date = 0;

  constructor(out: BoxOutputs) {
    this.#out = out;
  }

  get date(): number {
    return this.#date;
  }

  channel(id: bigint): Box | undefined {
    return this.#channels.get(id);
  }

  box(scope: Scope): Box | undefined {
    return scope === 'account' ? this.account : this.#channels.get(scope);
  }

  load({ pts, qts, seq, date, channels }: UpdateState): void {
    Object.assign(this.account, { pts, qts, seq });
    this.#date = date;
    for (const [id, { pts: at, accessHash }] of channels) this.#channels.set(id, newBox(id, at, accessHash));
  }

  step(box: Box, step: Step): void {
    const how = box.isFetching ? 'early' : fit(box[step.counter], step.from, step.to);
    if (how === 'early') return this.#hold(box, step);
    if (how === 'seen') return this.#withoutCount(step);
    this.#take(box, step);
    this.#takeHeld(box);
  }

  #take(box: Box, step: Step): void {
    box[step.counter] = step.to;
    const mark = markOf(box, this.#date);
    if (step.updates.length === 0) this.#out.deliver(undefined, mark);
    for (const [index, update] of step.updates.entries())
      this.#out.deliver(update, index === step.updates.length - 1 ? mark : undefined);
  }

  /** A change that moves no counter is true whenever it comes, but for a message that was told before. */
  #withoutCount(step: Step): void {
    if (step.from !== step.to) return;
    for (const update of step.updates)
      if (!isMessageUpdate(update.update)) this.#out.deliver(update, undefined);
  }

  #hold(box: Box, step: Step): void {
    box.held ??= [];
    if (box.held.length >= MOST_HELD) {
      box.isBehind = true;
      if (!box.isFetching) this.want(box.scope);
      return;
    }
    box.held.push(step);
    this.#unsettled.add(box.scope);
    this.#wait(box);
  }

  #wait(box: Box): void {
    if (box.isFetching || box.isWaiting) return;
    box.isWaiting = true;
    this.#out.wait(box.scope);
  }

  /** Takes what is held as far as it fits now. */
  #takeHeld(box: Box): void {
    if (!box.held) return;
    const held = box.held.toSorted((a, b) => a.from - b.from || a.to - b.to);
    box.held = [];
    for (const step of held) {
      const how = fit(box[step.counter], step.from, step.to);
      if (how === 'early') box.held.push(step);
      else if (how === 'seen') this.#withoutCount(step);
      else this.#take(box, step);
    }
    if (box.held.length === 0) box.held = undefined;
    this.#settle(box);
  }

  #settle(box: Box): void {
    if (box.held || box.isFetching || box.isBehind) return;
    box.vainFetches = 0;
    this.#unsettled.delete(box.scope);
  }

  /** What was missing did not come in time. */
  patienceOver(scope: Scope): void {
    const box = this.box(scope);
    if (!box) return;
    box.isWaiting = false;
    if (box.held && !box.isFetching) this.want(scope);
  }

  /** Asks for the difference of a scope; while one is under way, for another after it. */
  want(scope: Scope): void {
    const box = this.box(scope);
    if (!box) return;
    box.isBehind = box.isFetching;
    if (box.isFetching) return;
    if (scope !== 'account' && box.accessHash === 0n) return this.#goOn(box, 'unknown-channel');
    box.isFetching = true;
    box.fetchedFrom = sumOf(box);
    this.#unsettled.add(scope);
    this.#out.fetch(scope);
  }

  /** The difference has been taken; `between` what it brought and what is held. */
  fetched(box: Box, between?: () => void): void {
    box.isFetching = false;
    const again = box.isBehind;
    box.isBehind = false;
    between?.();
    this.#takeHeld(box);
    this.#settle(box);
    if (again) return this.want(box.scope);
    if (!box.held || box.isFetching) return;
    box.vainFetches = sumOf(box) === box.fetchedFrom ? box.vainFetches + 1 : 0;
    if (box.vainFetches < MOST_VAIN_FETCHES) this.#wait(box);
    else this.#goOn(box, 'never-given');
  }

  /** Goes on from the first steps that are held: what lies before them can not be had. */
  #goOn(box: Box, cause: GapCause): void {
    box.isBehind = false;
    const { pts, held = [] } = box;
    for (const counter of ['pts', 'qts', 'seq'] as const) {
      const starts = held.filter((step) => step.counter === counter).map(({ from }) => from);
      if (starts.length > 0) box[counter] = Math.min(...starts);
    }
    if (held.length > 0) this.gap(box, cause, pts);
    this.#takeHeld(box);
    this.#settle(box);
  }

  /** Marks as behind what is dropped for lack of room. */
  fallBehind(box: Box): void {
    box.isBehind = true;
    this.#unsettled.add(box.scope);
  }

  /** Fetches what was dropped. */
  catchUp(): void {
    for (const box of [this.account, ...this.#channels.values()])
      if (box.isBehind && !box.isFetching) this.want(box.scope);
  }

  /** The channel's box; one never heard of begins at `pts`. */
  channelAt(id: bigint, pts: number, entities: Entities = NOBODY): Box {
    return this.#channels.get(id) ?? this.addChannel(id, pts, channelHashes(entities)?.get(id));
  }

  addChannel(id: bigint, pts: number, accessHash = 0n): Box {
    const [oldest] = this.#channels.size < MOST_CHANNELS ? [] : this.#channels.values();
    if (oldest) this.forget(oldest, 'unknown-channel');
    const box = newBox(id, pts, accessHash);
    this.#channels.set(id, box);
    this.tell(box);
    return box;
  }

  /** The account can not read the channel any more, or its counter is void; it begins anew if it is heard again. */
  forget(box: Box, cause: GapCause): void {
    if (box.scope === 'account' || !this.#channels.delete(box.scope)) return;
    this.#unsettled.delete(box.scope);
    this.gap({ ...box, pts: 0 }, cause, box.pts);
    this.#out.deliver(undefined, { scope: box.scope, gone: true });
  }

  learnHashes(entities: Entities): void {
    for (const [id, hash] of channelHashes(entities) ?? []) {
      const box = this.#channels.get(id);
      if (box) box.accessHash = hash;
    }
  }

  /** Sets a box behind what is lost. */
  jump(box: Box, pts: number, cause: GapCause): void {
    const from = box.pts;
    box.pts = pts;
    this.gap(box, cause, from);
    this.tell(box);
  }

  /** Lets the marks say where the box stands now. */
  tell(box: Box): void {
    this.#out.deliver(undefined, markOf(box, this.#date));
  }

  gap({ scope, pts }: Box, cause: GapCause, fromPts: number, lost: Gap['lost'] = 'everything'): void {
    this.#out.deliver({ kind: 'gap', scope, cause, lost, fromPts, toPts: pts }, undefined);
  }

  /**
   * The date says since when channels must tell that they changed: it passes only when nothing is missing, or a
   * restart would not hear of that.
   */
  passDate(date: number): void {
    if (date <= this.#date || this.#unsettled.size > 0) return;
    this.#date = date;
    this.tell(this.account);
  }
}

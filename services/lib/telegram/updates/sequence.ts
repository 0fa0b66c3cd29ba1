import type { Api } from '../client.ts';
import { counted, fit, native } from './counters.ts';
import {
  idle,
  isMessageUpdate,
  isRepeat,
  type AccountBox,
  type Box,
  type ChannelBox,
  type Step,
} from './box.ts';
import { orderedUpdate, updatesIn } from './difference.ts';
import { NOBODY, type Envelope } from './envelope.ts';
import type { Entities, GapCause, Mark, Notice, OrderedUpdate, Scope } from './notice.ts';
import { channelHashes, KnownPeers } from './peers.ts';
import type { UpdateState } from './state.ts';

/* The rules of Telegram's documentation on working with updates, as a state machine that does no I/O: what comes in
 * is put in order or held, and it says what to deliver, when patience begins, and which difference to fetch. */

/** Steps held a counter while one before them is missing; more than that, and the difference is fetched at once. */
const MOST_HELD = 100;
/** Pushes held while the account's difference is on its way; more are dropped, and a second difference has them. */
const MOST_POSTPONED = 200;
/** Telegram lets an account be in 1,000 at most. */
const MOST_CHANNELS = 2_000;

export interface SequenceOutputs {
  deliver(notice: Notice | undefined, mark: Mark | undefined): void;
  /** A step is missing: call `patienceOver` a little later. */
  wait(scope: Scope): void;
  /** The difference of this scope is needed; answered with `account…` or `channel…` below. */
  fetch(scope: Scope): void;
  /** The counters of the account are void: answered with `restart`. */
  resync(): void;
}

export class UpdateSequence {
  readonly #out: SequenceOutputs;
  readonly #known: KnownPeers;
  readonly #account: AccountBox = { ...idle(), pts: 0, qts: 0, seq: 0, date: 0 };
  readonly #channels = new Map<bigint, ChannelBox>();
  #postponed: Envelope[] | undefined;
  /** Channels with a step missing or a difference under way: until there are none, the date must stay. */
  readonly #unsettled = new Set<bigint>();
  #isStarted = false;

  constructor(selfId: bigint, out: SequenceOutputs) {
    this.#known = new KnownPeers(selfId);
    this.#out = out;
  }

  get isStarted(): boolean {
    return this.#isStarted;
  }

  get state(): { readonly pts: number; readonly qts: number; readonly seq: number; readonly date: number } {
    return this.#account;
  }

  get channelCount(): number {
    return this.#channels.size;
  }

  channel(id: bigint): { readonly pts: number; readonly accessHash: bigint } | undefined {
    return this.#channels.get(id);
  }

  load(state: UpdateState): void {
    const { pts, qts, seq, date } = state;
    Object.assign(this.#account, { pts, qts, seq, date });
    for (const [id, { pts: at, accessHash }] of state.channels)
      this.#channels.set(id, { ...idle(), pts: at, accessHash });
    this.#isStarted = true;
  }

  receive(envelope: Envelope | 'too-long'): void {
    if (envelope === 'too-long') return this.want('account');
    this.#known.learn(envelope.entities);
    this.#learnHashes(envelope.entities);
    if (this.#isStarted && !this.#account.isFetching) return this.#apply(envelope, true);
    this.#postpone(envelope);
    // Channels have counters of their own and need not wait for the account's.
    for (const update of envelope.updates) {
      const at = counted(update);
      if (at?.counter === 'channel') this.#channelUpdate(orderedUpdate(update, envelope), at);
    }
  }

  #postpone(envelope: Envelope): void {
    this.#postponed ??= [];
    if (this.#postponed.length < MOST_POSTPONED) this.#postponed.push(envelope);
    else this.#account.isBehind = true;
  }

  #apply(envelope: Envelope, withChannels: boolean): void {
    const numbered: OrderedUpdate[] = [];
    for (const update of envelope.updates) {
      const at = counted(update);
      const ordered = orderedUpdate(update, envelope);
      if (at?.counter === 'channel') {
        if (withChannels) this.#channelUpdate(ordered, at);
      } else if (at) this.#accountUpdate(ordered, { ...at, counter: at.counter });
      else if (this.#instruction(update, envelope.entities)) continue;
      else if (envelope.seqStart > 0) numbered.push(ordered);
      else this.#out.deliver(ordered, undefined);
    }
    if (envelope.moved) this.#moved(envelope.moved);
    if (envelope.seqStart > 0) {
      const step = { from: envelope.seqStart - 1, to: envelope.seq, updates: numbered };
      this.#accountStep({ counter: 'seq', ...step });
    }
    this.#passDate(envelope.date);
  }

  /** Updates that are not told to anybody but acted on. */
  #instruction(update: Api.TypeUpdate, entities: Entities): boolean {
    if (update.className === 'UpdatePtsChanged') {
      this.#account.isFetching = true;
      this.#out.resync();
      return true;
    }
    if (update.className !== 'UpdateChannelTooLong') return false;
    const id = native(update.channelId);
    const box = this.#channels.get(id);
    if (box?.accessHash) {
      if (update.pts === undefined || update.pts > box.pts) this.want(id);
    } else if (update.pts !== undefined) {
      if (!box) this.#addChannel(id, 0, entities);
      this.channelRestart(id, update.pts, 'unknown-channel');
    }
    return true;
  }

  #accountUpdate(ordered: OrderedUpdate, at: { counter: 'pts' | 'qts'; from: number; to: number }): void {
    const { update, entities, source } = ordered;
    const isAhead = at.to > this.#account[at.counter];
    if (!isAhead && isRepeat(update, at)) return;
    if (isAhead && source === 'push' && this.#known.misses(update, entities)) return this.want('account');
    this.#accountStep({ ...at, updates: [ordered] });
  }

  #accountStep(step: Step & { counter: 'pts' | 'qts' | 'seq' }): void {
    const box = this.#account;
    const how = box.isFetching ? 'early' : fit(box[step.counter], step.from, step.to);
    if (how === 'seen') return this.#withoutCount(step);
    if (how === 'early') return this.#hold('account', box, step);
    this.#takeAccountStep(step);
    this.#takeHeld('account');
  }

  #takeAccountStep(step: Step): void {
    if (step.counter === 'channel') return;
    this.#account[step.counter] = step.to;
    this.#deliverAll(step.updates, this.#accountMark());
  }

  /** A change that moves no counter is true whenever it comes, but for a message that was told before. */
  #withoutCount(step: Step): void {
    if (step.from !== step.to) return;
    for (const update of step.updates)
      if (!isMessageUpdate(update.update)) this.#out.deliver(update, undefined);
  }

  #channelUpdate(ordered: OrderedUpdate, at: { id: bigint; from: number; to: number }): void {
    if (at.id === 0n) return;
    const { update, entities, source } = ordered;
    // The first that is heard of a channel says where its counter stood.
    const box = this.#channels.get(at.id) ?? this.#addChannel(at.id, at.from, entities);
    if (isRepeat(update, at) && at.to <= box.pts) return;
    const lacks = source === 'push' && at.to > box.pts && this.#known.misses(update, entities);
    if (lacks && box.accessHash !== 0n) return this.want(at.id);
    this.#channelStep(at.id, box, { counter: 'channel', from: at.from, to: at.to, updates: [ordered] });
  }

  #channelStep(id: bigint, box: ChannelBox, step: Step): void {
    const how = box.isFetching ? 'early' : fit(box.pts, step.from, step.to);
    if (how === 'seen') return this.#withoutCount(step);
    if (how === 'early') return this.#hold(id, box, step);
    this.#takeChannelStep(id, box, step);
    this.#takeHeld(id);
  }

  #takeChannelStep(id: bigint, box: ChannelBox, step: Step): void {
    box.pts = step.to;
    this.#deliverAll(step.updates, { scope: id, pts: box.pts, accessHash: box.accessHash });
  }

  #moved({ pts, ptsCount, channelId }: NonNullable<Envelope['moved']>): void {
    const step = { from: pts - ptsCount, to: pts, updates: [] };
    if (channelId === undefined) return this.#accountStep({ counter: 'pts', ...step });
    const box = this.#channels.get(channelId) ?? this.#addChannel(channelId, step.from);
    this.#channelStep(channelId, box, { counter: 'channel', ...step });
  }

  #hold(scope: Scope, box: Box, step: Step): void {
    box.held ??= [];
    if (box.held.length >= MOST_HELD) {
      box.isBehind = true;
      return box.isFetching ? undefined : this.want(scope);
    }
    box.held.push(step);
    this.#unsettle(scope);
    if (box.isFetching || box.isWaiting) return;
    box.isWaiting = true;
    this.#out.wait(scope);
  }

  /** Takes what is held as far as it fits now. */
  #takeHeld(scope: Scope): void {
    const box = this.#box(scope);
    if (!box?.held) return;
    const held = box.held.toSorted((a, b) => a.from - b.from || a.to - b.to);
    box.held = [];
    for (let found = true; found;) {
      found = false;
      for (let index = 0; index < held.length; index += 1) {
        const step = held[index]!;
        const how = fit(this.#at(scope, step), step.from, step.to);
        if (how === 'early') continue;
        held.splice(index, 1);
        index -= 1;
        if (how === 'seen') this.#withoutCount(step);
        else {
          found = true;
          if (scope === 'account') this.#takeAccountStep(step);
          else this.#takeChannelStep(scope, box as ChannelBox, step);
        }
      }
    }
    box.held = held.length > 0 ? held : undefined;
    if (!box.held && !box.isFetching) this.#settle(scope);
  }

  #at(scope: Scope, step: Step): number {
    if (scope !== 'account') return this.#channels.get(scope)!.pts;
    return step.counter === 'channel' ? step.to : this.#account[step.counter];
  }

  /** What was missing did not come in time. */
  patienceOver(scope: Scope): void {
    const box = this.#box(scope);
    if (!box) return;
    box.isWaiting = false;
    if (box.held && !box.isFetching) this.want(scope);
  }

  /** Asks for the difference of a scope; while one is under way, for another after it. */
  want(scope: Scope): void {
    const box = this.#box(scope);
    if (!box) return;
    if (box.isFetching) {
      box.isBehind = true;
      return;
    }
    if (scope !== 'account' && (box as ChannelBox).accessHash === 0n) return this.#giveUp(scope);
    box.isFetching = true;
    box.isBehind = false;
    this.#unsettle(scope);
    this.#out.fetch(scope);
  }

  /** A channel whose difference can not be asked for goes on from the first step that is held. */
  #giveUp(id: bigint): void {
    const box = this.#channels.get(id);
    if (!box) return;
    box.isBehind = false;
    const [first] = box.held?.toSorted((a, b) => a.from - b.from) ?? [];
    if (first) this.channelRestart(id, first.from, 'unknown-channel');
    else this.#settle(id);
  }

  /** What the server's counters are said to be: if they do not get there by themselves, the difference is fetched. */
  expect({ pts, qts, seq }: { pts: number; qts: number; seq: number }): boolean {
    const box = this.#account;
    if (!this.#isStarted || box.isFetching) return false;
    const isAhead = pts > box.pts || qts > box.qts || seq > box.seq;
    for (const [counter, to] of [
      ['pts', pts],
      ['qts', qts],
      ['seq', seq],
    ] as const)
      if (to > box[counter]) this.#hold('account', box, { counter, from: to, to, updates: [] });
    return isAhead;
  }

  /** Notes what is not read for lack of room: the account and the channels it speaks of are behind. */
  skip(envelope: Envelope | 'too-long'): void {
    this.#account.isBehind = true;
    if (envelope === 'too-long') return;
    this.#learnHashes(envelope.entities);
    for (const update of envelope.updates) {
      if (update.className === 'UpdatePtsChanged') this.#instruction(update, envelope.entities);
      const at = counted(update);
      const tooLong = update.className === 'UpdateChannelTooLong' ? native(update.channelId) : undefined;
      const id = at?.counter === 'channel' ? at.id : tooLong;
      if (id === undefined || id === 0n) continue;
      const box = this.#channels.get(id) ?? (at && this.#addChannel(id, at.from, envelope.entities));
      if (!box) continue;
      box.isBehind = true;
      this.#unsettle(id);
    }
  }

  /** Fetches what was skipped. */
  catchUp(): void {
    for (const [id, box] of this.#channels) if (box.isBehind && !box.isFetching) this.want(id);
    if (this.#account.isBehind && !this.#account.isFetching) this.want('account');
  }

  /** One answer of `updates.getDifference`; true when there is more to ask for. */
  accountDifference(answer: Api.updates.TypeDifference): boolean {
    const box = this.#account;
    switch (answer.className) {
      case 'updates.DifferenceEmpty':
        box.seq = answer.seq;
        this.#passDate(answer.date);
        break;
      case 'updates.DifferenceTooLong':
        this.#gap('account', 'too-long', 'everything', box.pts, answer.pts);
        box.pts = answer.pts;
        this.#out.deliver(undefined, this.#accountMark());
        return true;
      case 'updates.Difference':
      case 'updates.DifferenceSlice': {
        const isLast = answer.className === 'updates.Difference';
        const { pts, qts, seq, date } = isLast ? answer.state : answer.intermediateState;
        this.#difference(answer);
        Object.assign(box, { pts, qts, seq });
        this.#out.deliver(undefined, this.#accountMark());
        // Channels that changed are named in the last slice only, by the date that was asked with.
        if (!isLast) return true;
        this.#passDate(date);
        break;
      }
    }
    this.#fetched('account');
    return false;
  }

  #difference(
    answer: Api.updates.Difference | Api.updates.DifferenceSlice | Api.updates.ChannelDifference,
    ofChannel?: bigint,
  ): void {
    const entities = { users: answer.users, chats: answer.chats };
    this.#known.learn(entities);
    this.#learnHashes(entities);
    for (const ordered of updatesIn(answer, ofChannel)) {
      const { update } = ordered;
      const at = counted(update);
      // Within its own difference an update needs no counting; one of another channel is counted like any.
      const isForeign = at?.counter === 'channel' && at.id !== ofChannel && at.id !== 0n && at.to > 0;
      if (isForeign) this.#channelUpdate(ordered, at);
      else if (at || !this.#instruction(update, entities)) this.#out.deliver(ordered, undefined);
    }
  }

  /** One answer of `updates.getChannelDifference`; true when there is more to ask for. */
  channelDifference(id: bigint, answer: Api.updates.TypeChannelDifference): boolean {
    const box = this.#channels.get(id);
    if (!box) return false;
    switch (answer.className) {
      case 'updates.ChannelDifferenceEmpty':
        box.pts = answer.pts;
        break;
      case 'updates.ChannelDifference':
        this.#difference(answer, id);
        box.pts = answer.pts;
        break;
      case 'updates.ChannelDifferenceTooLong': {
        const pts = ('pts' in answer.dialog ? answer.dialog.pts : undefined) ?? box.pts;
        this.#gap(id, 'too-long', 'everything', box.pts, pts);
        box.pts = pts;
        break;
      }
    }
    this.#out.deliver(undefined, { scope: id, pts: box.pts, accessHash: box.accessHash });
    if (!answer.final && answer.className === 'updates.ChannelDifference') return true;
    this.#fetched(id);
    return false;
  }

  #fetched(scope: Scope): void {
    const box = this.#box(scope);
    if (!box) return;
    box.isFetching = false;
    const again = box.isBehind;
    box.isBehind = false;
    if (scope === 'account') this.#takePostponed();
    this.#takeHeld(scope);
    if (!box.held && !box.isFetching) this.#settle(scope);
    if (box.held && !box.isFetching && !box.isWaiting) {
      box.isWaiting = true;
      this.#out.wait(scope);
    }
    if (again) this.want(scope);
  }

  #takePostponed(): void {
    const postponed = this.#postponed;
    this.#postponed = undefined;
    for (const envelope of postponed ?? []) {
      // One of them may have begun another difference: the rest wait for that one.
      if (this.#account.isFetching) this.#postpone(envelope);
      else this.#apply(envelope, false);
    }
  }

  /** Begins, or begins anew, from what the server says now. */
  restart(state: Api.updates.State, cause?: GapCause): void {
    const { pts, qts, seq, date } = state;
    if (cause) this.#gap('account', cause, 'everything', this.#account.pts, pts);
    Object.assign(this.#account, { pts, qts, seq });
    this.#isStarted = true;
    this.#out.deliver(undefined, this.#accountMark());
    this.#passDate(date);
    this.#fetched('account');
  }

  channelRestart(id: bigint, pts: number, cause: GapCause): void {
    const box = this.#channels.get(id);
    if (!box) return;
    this.#gap(id, cause, 'everything', box.pts, pts);
    box.pts = pts;
    this.#out.deliver(undefined, { scope: id, pts, accessHash: box.accessHash });
    this.#fetched(id);
  }

  /** The account can not read the channel any more, or its counter is not known; it begins anew if it is heard again. */
  forgetChannel(id: bigint, cause: GapCause): void {
    const box = this.#channels.get(id);
    if (!box) return;
    this.#channels.delete(id);
    this.#unsettled.delete(id);
    this.#gap(id, cause, 'everything', box.pts, 0);
    this.#out.deliver(undefined, { scope: id, gone: true });
  }

  /** Where a channel stands: one that is not followed yet is from there, one that should be there already soon is. */
  learnChannel(id: bigint, pts: number, accessHash: bigint): void {
    const box = this.#channels.get(id);
    if (box && pts > box.pts)
      this.#channelStep(id, box, { counter: 'channel', from: pts, to: pts, updates: [] });
    if (box) return;
    this.#addChannel(id, pts).accessHash = accessHash;
    this.#out.deliver(undefined, { scope: id, pts, accessHash });
  }

  #addChannel(id: bigint, pts: number, entities: Entities = NOBODY): ChannelBox {
    const box = { ...idle(), pts, accessHash: channelHashes(entities)?.get(id) ?? 0n };
    if (id === 0n) return box;
    if (this.#channels.size >= MOST_CHANNELS) {
      const [oldest] = this.#channels.keys();
      this.forgetChannel(oldest!, 'unknown-channel');
    }
    this.#channels.set(id, box);
    this.#out.deliver(undefined, { scope: id, pts, accessHash: box.accessHash });
    return box;
  }

  #learnHashes(entities: Entities): void {
    for (const [id, hash] of channelHashes(entities) ?? []) {
      const box = this.#channels.get(id);
      if (box) box.accessHash = hash;
    }
  }

  /** Reports that what is not counted may be missing from here on. */
  gap(cause: GapCause): void {
    this.#gap('account', cause, 'uncounted', this.#account.pts, this.#account.pts);
  }

  /** A difference that the end of a connection cut off is asked for again; it will do. */
  reconnected(): void {
    this.gap('disconnected');
    if (!this.#account.isFetching) this.want('account');
  }

  #gap(
    scope: Scope,
    cause: GapCause,
    lost: 'uncounted' | 'everything',
    fromPts: number,
    toPts: number,
  ): void {
    this.#out.deliver({ kind: 'gap', scope, cause, lost, fromPts, toPts }, undefined);
  }

  #deliverAll(updates: readonly OrderedUpdate[], mark: Mark): void {
    if (updates.length === 0) this.#out.deliver(undefined, mark);
    for (const [index, update] of updates.entries())
      this.#out.deliver(update, index === updates.length - 1 ? mark : undefined);
  }

  /**
   * The date says since when channels must tell that they changed: it passes only when no channel is behind, or a
   * restart would not hear of that one.
   */
  #passDate(date: number): void {
    if (date <= this.#account.date || this.#unsettled.size > 0 || this.#account.isBehind) return;
    this.#account.date = date;
    this.#out.deliver(undefined, this.#accountMark());
  }

  #accountMark(): Mark {
    const { pts, qts, seq, date } = this.#account;
    return { scope: 'account', pts, qts, seq, date };
  }

  #unsettle(scope: Scope): void {
    if (scope !== 'account') this.#unsettled.add(scope);
  }

  #settle(scope: Scope): void {
    if (scope !== 'account') this.#unsettled.delete(scope);
  }

  #box(scope: Scope): Box | undefined {
    return scope === 'account' ? this.#account : this.#channels.get(scope);
  }
}

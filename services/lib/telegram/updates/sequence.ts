import type { Api } from '../client.ts';
import { isRepeat, type Box } from './box.ts';
import { Boxes, type BoxOutputs } from './boxes.ts';
import { counted, native } from './counters.ts';
import { orderedUpdate, updatesIn } from './difference.ts';
import type { Envelope } from './envelope.ts';
import type { Entities, GapCause, OrderedUpdate, Scope } from './notice.ts';
import { KnownPeers } from './peers.ts';
import type { UpdateState } from './state.ts';

/** Pushes held while the account's difference is on its way; more are dropped, and a second difference has them. */
const MOST_POSTPONED = 200;

export interface SequenceOutputs extends BoxOutputs {
  /** The counters of the account are void: answered with `restart`. */
  resync(): void;
}

/**
 * The rules of Telegram's documentation on working with updates, without any I/O: pushes, answers and differences
 * come in; what to deliver, when patience begins and what to fetch come out.
 */
export class UpdateSequence {
  readonly #out: SequenceOutputs;
  readonly #known: KnownPeers;
  readonly #boxes: Boxes;
  #postponed: Envelope[] | undefined;
  #isStarted = false;

  constructor(selfId: bigint, out: SequenceOutputs) {
    this.#known = new KnownPeers(selfId);
    this.#boxes = new Boxes(out);
    this.#out = out;
  }

  get isStarted(): boolean {
    return this.#isStarted;
  }

  get state(): { readonly pts: number; readonly qts: number; readonly date: number } {
    const { pts, qts } = this.#boxes.account;
    return { pts, qts, date: this.#boxes.date };
  }

  channel(id: bigint): { readonly pts: number; readonly accessHash: bigint } | undefined {
    return this.#boxes.channel(id);
  }

  load(state: UpdateState): void {
    this.#boxes.load(state);
    this.#isStarted = true;
  }

  receive(envelope: Envelope | 'too-long'): void {
    if (envelope === 'too-long') return this.want('account');
    this.#learn(envelope.entities);
    if (this.#isStarted && !this.#boxes.account.isFetching) return this.#apply(envelope, true);
    this.#postpone(envelope);
    // Channels have counters of their own and need not wait for the account's.
    for (const update of envelope.updates) {
      const at = counted(update);
      if (at?.counter === 'channel') this.#channelUpdate(orderedUpdate(update, envelope), at);
    }
  }

  #learn(entities: Entities): void {
    this.#known.learn(entities);
    this.#boxes.learnHashes(entities);
  }

  #postpone(envelope: Envelope): void {
    this.#postponed ??= [];
    if (this.#postponed.length < MOST_POSTPONED) this.#postponed.push(envelope);
    else this.#boxes.fallBehind(this.#boxes.account);
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
    const { moved, seqStart, seq: to, date } = envelope;
    if (moved) this.#moved(moved);
    if (seqStart > 0)
      this.#boxes.step(this.#boxes.account, { counter: 'seq', from: seqStart - 1, to, updates: numbered });
    this.#boxes.passDate(date);
  }

  /** Updates that are not told to anybody but acted on. */
  #instruction(update: Api.TypeUpdate, entities: Entities): boolean {
    if (update.className === 'UpdatePtsChanged') {
      this.#boxes.account.isFetching = true;
      this.#out.resync();
      return true;
    }
    if (update.className !== 'UpdateChannelTooLong') return false;
    const id = native(update.channelId);
    const known = this.#boxes.channel(id);
    if (known?.accessHash) {
      if (update.pts === undefined || update.pts > known.pts) this.want(id);
    } else if (update.pts !== undefined) {
      const box = this.#boxes.channelAt(id, 0, entities);
      this.#boxes.jump(box, update.pts, 'unknown-channel');
      this.#boxes.fetched(box);
    }
    return true;
  }

  #accountUpdate(ordered: OrderedUpdate, at: { counter: 'pts' | 'qts'; from: number; to: number }): void {
    const { account } = this.#boxes;
    if (at.to <= account[at.counter] && isRepeat(ordered.update, at)) return;
    if (at.to > account[at.counter] && this.#speaksOfStrangers(ordered)) return this.want('account');
    this.#boxes.step(account, { ...at, updates: [ordered] });
  }

  #channelUpdate(ordered: OrderedUpdate, { id, from, to }: { id: bigint; from: number; to: number }): void {
    if (id === 0n) return;
    if (!this.#boxes.channel(id) && isOutside(ordered, id)) return this.#out.deliver(ordered, undefined);
    // The first that is heard of a channel says where its counter stood.
    const box = this.#boxes.channelAt(id, from, ordered.entities);
    if (to <= box.pts && isRepeat(ordered.update, { from, to })) return;
    if (to > box.pts && box.accessHash !== 0n && this.#speaksOfStrangers(ordered)) return this.want(id);
    this.#boxes.step(box, { counter: 'pts', from, to, updates: [ordered] });
  }

  #speaksOfStrangers({ update, entities, source }: OrderedUpdate): boolean {
    return source === 'push' && this.#known.misses(update, entities);
  }

  #moved({ pts, ptsCount, channelId }: NonNullable<Envelope['moved']>): void {
    const from = pts - ptsCount;
    const box = channelId === undefined ? this.#boxes.account : this.#boxes.channelAt(channelId, from);
    this.#boxes.step(box, { counter: 'pts', from, to: pts, updates: [] });
  }

  patienceOver(scope: Scope): void {
    this.#boxes.patienceOver(scope);
  }

  want(scope: Scope): void {
    this.#boxes.want(scope);
  }

  /** What the server's counters are said to be: if they do not get there by themselves, the difference is fetched. */
  expect(said: { pts: number; qts: number; seq: number }): boolean {
    const { account } = this.#boxes;
    if (!this.#isStarted || account.isFetching) return false;
    const ahead = (['pts', 'qts', 'seq'] as const).filter((counter) => said[counter] > account[counter]);
    for (const counter of ahead) this.#expect(account, counter, said[counter]);
    return ahead.length > 0;
  }

  #expect(box: Box, counter: 'pts' | 'qts' | 'seq', to: number): void {
    this.#boxes.step(box, { counter, from: to, to, updates: [] });
  }

  /** Where a channel stands: one that is not followed yet is from there, one that should be there already soon is. */
  learnChannel(id: bigint, pts: number, accessHash: bigint): void {
    const box = this.#boxes.channel(id);
    if (!box) this.#boxes.addChannel(id, pts, accessHash);
    else if (pts > box.pts) this.#expect(box, 'pts', pts);
  }

  /** Notes what is not read for lack of room: the account and the channels it speaks of are behind. */
  skip(envelope: Envelope | 'too-long'): void {
    const boxes = this.#boxes;
    boxes.fallBehind(boxes.account);
    if (envelope === 'too-long') return;
    boxes.learnHashes(envelope.entities);
    for (const update of envelope.updates) {
      if (update.className === 'UpdatePtsChanged') this.#instruction(update, envelope.entities);
      const at = counted(update);
      const tooLong = update.className === 'UpdateChannelTooLong' && boxes.channel(native(update.channelId));
      if (tooLong) boxes.fallBehind(tooLong);
      else if (at?.counter === 'channel' && at.id !== 0n)
        boxes.fallBehind(boxes.channelAt(at.id, at.from, envelope.entities));
    }
  }

  catchUp(): void {
    this.#boxes.catchUp();
  }

  /** One answer of `updates.getDifference`; true when there is more to ask for. */
  accountDifference(answer: Api.updates.TypeDifference): boolean {
    const { account } = this.#boxes;
    switch (answer.className) {
      case 'updates.DifferenceEmpty':
        account.seq = answer.seq;
        this.#accountFetched(answer.date);
        return false;
      case 'updates.DifferenceTooLong':
        this.#boxes.jump(account, answer.pts, 'too-long');
        return true;
      case 'updates.Difference':
      case 'updates.DifferenceSlice': {
        const isLast = answer.className === 'updates.Difference';
        const { pts, qts, seq, date } = isLast ? answer.state : answer.intermediateState;
        this.#difference(answer);
        Object.assign(account, { pts, qts, seq });
        this.#boxes.tell(account);
        // Channels that changed are named in the last slice only, by the date that was asked with.
        if (isLast) this.#accountFetched(date);
        return !isLast;
      }
    }
  }

  #difference(
    answer: Api.updates.Difference | Api.updates.DifferenceSlice | Api.updates.ChannelDifference,
    ofChannel?: bigint,
  ): void {
    const entities = { users: answer.users, chats: answer.chats };
    this.#learn(entities);
    for (const ordered of updatesIn(answer, ofChannel)) {
      const at = counted(ordered.update);
      // Within its own difference an update needs no counting; one of another channel is counted like any.
      const isForeign = at?.counter === 'channel' && at.id !== ofChannel && at.id !== 0n && at.to > 0;
      if (isForeign) this.#channelUpdate(ordered, at);
      else if (at || !this.#instruction(ordered.update, entities)) this.#out.deliver(ordered, undefined);
    }
  }

  #accountFetched(date: number): void {
    this.#boxes.fetched(this.#boxes.account, () => this.#takePostponed());
    this.#boxes.passDate(date);
  }

  #takePostponed(): void {
    const postponed = this.#postponed;
    this.#postponed = undefined;
    for (const envelope of postponed ?? []) {
      // One of them may have begun another difference: the rest wait for that one.
      if (this.#boxes.account.isFetching) this.#postpone(envelope);
      else this.#apply(envelope, false);
    }
  }

  /** One answer of `updates.getChannelDifference`; true when there is more to ask for. */
  channelDifference(id: bigint, answer: Api.updates.TypeChannelDifference): boolean {
    const box = this.#boxes.channel(id);
    if (!box) return false;
    if (answer.className === 'updates.ChannelDifferenceTooLong') {
      const { dialog } = answer;
      this.#boxes.jump(box, ('pts' in dialog ? dialog.pts : undefined) ?? box.pts, 'too-long');
    } else {
      if (answer.className === 'updates.ChannelDifference') this.#difference(answer, id);
      box.pts = answer.pts;
      this.#boxes.tell(box);
      if (!answer.final && answer.className === 'updates.ChannelDifference') return true;
    }
    this.#boxes.fetched(box);
    return false;
  }

  /** Begins, or begins anew, from what the server says now. */
  restart({ pts, qts, seq, date }: Api.updates.State, cause?: GapCause): void {
    const { account } = this.#boxes;
    Object.assign(account, { qts, seq });
    if (cause) this.#boxes.jump(account, pts, cause);
    else account.pts = pts;
    this.#boxes.tell(account);
    this.#isStarted = true;
    this.#accountFetched(date);
  }

  forgetChannel(id: bigint, cause: GapCause): void {
    const box = this.#boxes.channel(id);
    if (box) this.#boxes.forget(box, cause);
  }

  /** Reports that what is not counted may be missing from here on. */
  gap(cause: GapCause): void {
    const { account } = this.#boxes;
    this.#boxes.gap(account, cause, account.pts, 'uncounted');
  }

  /** A difference that the end of a connection cut off is asked for again; it will do. */
  reconnected(): void {
    this.gap('disconnected');
    if (!this.#boxes.account.isFetching) this.want('account');
  }
}

/**
 * Telegram tells an account nothing of a group that it is not in, not even of what follows its own comment there. A
 * counter that was followed would always be behind, and each comment would fetch everybody else's.
 */
function isOutside({ entities, source }: OrderedUpdate, id: bigint): boolean {
  if (source !== 'own') return false;
  const shown = entities.chats.find((chat) => chat.className === 'Channel' && native(chat.id) === id);
  return shown?.className === 'Channel' && shown.left === true;
}

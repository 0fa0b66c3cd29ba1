import type { FaultSpec } from '#gen/telegate/local_telegram/v1/faults_pb.ts';
import { FaultMoment, FloodWaitKind } from '#gen/telegate/local_telegram/v1/faults_pb.ts';

export type FaultCase = NonNullable<FaultSpec['fault']['case']>;

export interface PlayedFault {
  id: string;
  spec: FaultSpec;
  hits: number;
  skipsLeft: number;
  createTime: number;
  expireTime: number | undefined;
}

/** What a connection or call shows of itself to the faults' scopes. */
export interface FaultTarget {
  dataCenter: number;
  clientAddress: string;
  keyId?: string;
  accountId?: number;
  method?: string;
  premium?: boolean;
  peer?: string;
}

interface RunningWait {
  until: number;
  text: string;
  premiumSpared: boolean;
  faultId: string;
}

const CALL_FAULTS: ReadonlySet<FaultCase> = new Set<FaultCase>([
  'floodWait',
  'rpcError',
  'drop',
  'silence',
  'garbage',
  'transportError',
  'serverTrouble',
]);

export interface CallFaults {
  strikes: PlayedFault | undefined;
  /** A wait that an earlier strike began. */
  wait: { text: string; seconds: number; faultId: string } | undefined;
  delayMs: number;
  /** The delay's fault, when nothing else struck. */
  delayedBy: string;
}

const WAIT_TEXT: Record<FloodWaitKind, string> = {
  [FloodWaitKind.UNSPECIFIED]: 'FLOOD_WAIT',
  [FloodWaitKind.FLOOD]: 'FLOOD_WAIT',
  [FloodWaitKind.PREMIUM]: 'FLOOD_PREMIUM_WAIT',
  [FloodWaitKind.SLOW_MODE]: 'SLOWMODE_WAIT',
};

/** The faults being played. Times are the log's. */
export class Faults {
  #faults: PlayedFault[] = [];
  #waits = new Map<string, RunningWait>();
  #nextId = 1;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #onStrike: () => void;

  constructor(options: { now: () => number; random: () => number; onStrike: () => void }) {
    this.#now = options.now;
    this.#random = options.random;
    this.#onStrike = options.onStrike;
  }

  /** Nothing is being played: the common case, which costs nothing. */
  get isIdle(): boolean {
    return this.#faults.length === 0;
  }

  list(): readonly PlayedFault[] {
    this.#dropExpired();
    return this.#faults;
  }

  add(spec: FaultSpec): PlayedFault {
    const now = this.#now();
    const fault: PlayedFault = {
      id: String(this.#nextId++),
      spec,
      hits: 0,
      skipsLeft: spec.skip,
      createTime: now,
      expireTime: spec.lifetime ? now + durationMs(spec.lifetime) : undefined,
    };
    this.#faults.push(fault);
    return fault;
  }

  delete(id: string): void {
    this.#faults = this.#faults.filter((fault) => fault.id !== id);
    for (const [key, wait] of this.#waits) if (wait.faultId === id) this.#waits.delete(key);
  }

  clear(): number {
    const count = this.list().length;
    this.#faults = [];
    this.#waits.clear();
    return count;
  }

  /** The oldest fault of this kind that meets the connection; it has then struck. */
  strike(kind: FaultCase, target: FaultTarget): PlayedFault | undefined {
    if (this.#faults.length === 0) return undefined;
    this.#dropExpired();
    const fault = this.#faults.find(
      (one) => one.spec.fault.case === kind && meets(one, target, false) && this.#passes(one),
    );
    if (fault) this.#hit(fault);
    return fault;
  }

  /** Like `strike`, for what holds all the time: nothing is counted but the first meeting. */
  holds(kind: FaultCase, target: FaultTarget): PlayedFault | undefined {
    if (this.#faults.length === 0) return undefined;
    this.#dropExpired();
    return this.#faults.find((one) => one.spec.fault.case === kind && meets(one, target, false));
  }

  strikeCall(target: FaultTarget): CallFaults {
    const result: CallFaults = {
      strikes: undefined,
      wait: this.#runningWait(target),
      delayMs: 0,
      delayedBy: '',
    };
    if (this.#faults.length === 0) return result;
    this.#dropExpired();
    for (const fault of this.#faults) {
      const kind = fault.spec.fault.case;
      if (kind !== 'delay' && (result.strikes || result.wait || !kind || !CALL_FAULTS.has(kind))) continue;
      if (!meets(fault, target, true) || sparesPremium(fault, target) || !this.#passes(fault)) continue;
      this.#hit(fault);
      if (fault.spec.fault.case === 'delay') {
        const { delay, jitter } = fault.spec.fault.value;
        result.delayMs +=
          (delay ? durationMs(delay) : 0) + (jitter ? this.#random() * durationMs(jitter) : 0);
        result.delayedBy = fault.id;
      } else {
        result.strikes = fault;
        if (fault.spec.fault.case === 'floodWait') this.#beginWait(fault, target);
      }
    }
    if (result.strikes?.spec.fault.case === 'floodWait') result.wait = this.#runningWait(target);
    return result;
  }

  #beginWait(fault: PlayedFault, target: FaultTarget): void {
    const { fault: what } = fault.spec;
    if (what.case !== 'floodWait') return;
    const { kind, wait } = what.value;
    if (this.#waits.size > 100_000) this.#waits.clear();
    this.#waits.set(waitKey(target, kind === FloodWaitKind.SLOW_MODE), {
      until: this.#now() + (wait ? durationMs(wait) : 0),
      text: WAIT_TEXT[kind] ?? 'FLOOD_WAIT',
      premiumSpared: kind === FloodWaitKind.PREMIUM,
      faultId: fault.id,
    });
  }

  #runningWait(target: FaultTarget): CallFaults['wait'] {
    if (this.#waits.size === 0) return undefined;
    for (const key of [waitKey(target, false), waitKey(target, true)]) {
      const wait = this.#waits.get(key);
      if (!wait || (wait.premiumSpared && target.premium === true)) continue;
      const left = wait.until - this.#now();
      if (left <= 0) this.#waits.delete(key);
      else return { text: wait.text, seconds: Math.ceil(left / 1_000 - 1e-6), faultId: wait.faultId };
    }
    return undefined;
  }

  /** Whether it strikes now, after those that pass unharmed. */
  #passes(fault: PlayedFault): boolean {
    if (fault.skipsLeft === 0) return true;
    fault.skipsLeft -= 1;
    return false;
  }

  #hit(fault: PlayedFault): void {
    fault.hits += 1;
    this.#onStrike();
    if (fault.spec.count !== 0 && fault.hits >= fault.spec.count)
      this.#faults = this.#faults.filter((one) => one !== fault);
  }

  #dropExpired(): void {
    const now = this.#now();
    if (this.#faults.some(({ expireTime }) => expireTime !== undefined && expireTime <= now))
      this.#faults = this.#faults.filter(({ expireTime }) => expireTime === undefined || expireTime > now);
  }
}

export function momentOf(fault: PlayedFault): FaultMoment {
  const { fault: what } = fault.spec;
  const moment =
    what.case === 'drop' || what.case === 'silence' ? what.value.moment : FaultMoment.UNSPECIFIED;
  return moment === FaultMoment.UNSPECIFIED ? FaultMoment.BEFORE_CALL : moment;
}

export function durationMs(duration: { seconds: bigint; nanos: number }): number {
  return Number(duration.seconds) * 1_000 + duration.nanos / 1e6;
}

function waitKey({ accountId, keyId, method, peer }: FaultTarget, withPeer: boolean): string {
  return `${accountId ?? keyId ?? ''}/${method ?? ''}${withPeer ? `/${peer ?? ''}` : ''}`;
}

function sparesPremium(fault: PlayedFault, target: FaultTarget): boolean {
  const { fault: what } = fault.spec;
  return what.case === 'floodWait' && what.value.kind === FloodWaitKind.PREMIUM && target.premium === true;
}

function meets(fault: PlayedFault, target: FaultTarget, isCall: boolean): boolean {
  const { scope } = fault.spec;
  if (!scope) return true;
  const { accountIds, methods, dataCenters, keyIds, clientAddresses } = scope;
  const account = target.accountId ? String(target.accountId) : '';
  return (
    (accountIds.length === 0 || accountIds.includes(account)) &&
    (!isCall || methods.length === 0 || methods.includes(target.method ?? '')) &&
    (dataCenters.length === 0 || dataCenters.includes(target.dataCenter)) &&
    (keyIds.length === 0 || keyIds.includes(target.keyId ?? '')) &&
    (clientAddresses.length === 0 || clientAddresses.includes(target.clientAddress))
  );
}

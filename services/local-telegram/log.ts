import { CallOutcome, ConnectionEnd, Transport } from '#gen/telegate/local_telegram/v1/log_pb.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { Ring } from './log-ring.ts';
import { kindOf } from './rpc-error.ts';

/* What checkers read. Times are epoch milliseconds, with a fraction, of a clock that never runs backwards. */

export interface KeyUseRecord {
  keyId: string;
  sessionId: string;
  accountId: number;
  firstTime: number;
  lastTime: number;
  messages: number;
}

export interface ConnectionRecord {
  id: number;
  dataCenter: number;
  clientAddress: string;
  transport: Transport;
  obfuscated: boolean;
  openTime: number;
  closeTime: number | undefined;
  end: ConnectionEnd;
  keys: KeyUseRecord[];
  calls: number;
  bytesIn: number;
  bytesOut: number;
}

export interface CallRecord {
  id: number;
  connectionId: number;
  keyId: string;
  sessionId: string;
  messageId: bigint;
  accountId: number;
  dataCenter: number;
  method: string;
  startTime: number;
  endTime: number | undefined;
  outcome: CallOutcome;
  errorCode: number;
  errorText: string;
  randomId: bigint;
  deduplicated: boolean;
  peer: string;
  faultId: string;
  effect: boolean;
}

export interface KeyEventRecord {
  keyId: string;
  accountId: number;
  dataCenter: number;
  connectionIds: number[];
}

export type LogEntry = { time: number } & (
  | { kind: 'connectionOpened' | 'connectionBound' | 'connectionClosed'; connection: ConnectionRecord }
  | { kind: 'callStarted' | 'callEnded'; call: CallRecord }
  | { kind: 'keyCreated' | 'keyAuthorized' | 'keyEnded' | 'keyDuplicated'; key: KeyEventRecord }
);

export interface Counters {
  connectionsOpened: number;
  keysCreated: number;
  keysDuplicated: number;
  logins: number;
  calls: number;
  callsByMethod: Map<string, number>;
  errorsByText: Map<string, number>;
  messagesSent: number;
  sendsDeduplicated: number;
  reactions: number;
  viewIncrements: number;
  updatesPushed: number;
  messagesRefused: number;
  faultsStruck: number;
}

export function emptyCounters(): Counters {
  return {
    connectionsOpened: 0,
    keysCreated: 0,
    keysDuplicated: 0,
    logins: 0,
    calls: 0,
    callsByMethod: new Map(),
    errorsByText: new Map(),
    messagesSent: 0,
    sendsDeduplicated: 0,
    reactions: 0,
    viewIncrements: 0,
    updatesPushed: 0,
    messagesRefused: 0,
    faultsStruck: 0,
  };
}

/** Of a client's own making, so bounded. */
const MOST_NAMES = 2_000;

export function count(map: Map<string, number>, name: string): void {
  const known = map.get(name);
  if (known === undefined && map.size >= MOST_NAMES) return;
  map.set(name, (known ?? 0) + 1);
}

export class Log {
  counters: Counters = emptyCounters();
  readonly open: Map<number, ConnectionRecord> = new Map();
  readonly closed: Ring<ConnectionRecord>;
  readonly calls: Ring<CallRecord>;
  readonly entries: Ring<LogEntry>;
  readonly #clock: Clock;
  readonly #offset: number;
  readonly #listeners = new Set<() => void>();
  #nextConnectionId = 1;
  #nextCallId = 1;

  constructor(clock: Clock, callLimit: number) {
    this.#clock = clock;
    this.#offset = clock.now() - clock.monotonic();
    this.calls = new Ring(callLimit);
    this.closed = new Ring(Math.max(1_000, Math.floor(callLimit / 10)));
    this.entries = new Ring(2 * callLimit + 10_000);
  }

  now(): number {
    return this.#offset + this.#clock.monotonic();
  }

  connectionOpened(dataCenter: number, clientAddress: string): ConnectionRecord {
    const connection: ConnectionRecord = {
      id: this.#nextConnectionId++,
      dataCenter,
      clientAddress,
      transport: Transport.UNSPECIFIED,
      obfuscated: false,
      openTime: this.now(),
      closeTime: undefined,
      end: ConnectionEnd.UNSPECIFIED,
      keys: [],
      calls: 0,
      bytesIn: 0,
      bytesOut: 0,
    };
    this.counters.connectionsOpened += 1;
    this.open.set(connection.id, connection);
    this.#add({ kind: 'connectionOpened', time: connection.openTime, connection });
    return connection;
  }

  /** Notes a valid message; the first under a key and session binds the connection to them. */
  messageCame(
    connection: ConnectionRecord,
    keyId: string,
    sessionId: string,
    accountId: number,
  ): KeyUseRecord {
    const time = this.now();
    let use = connection.keys.find((one) => one.keyId === keyId && one.sessionId === sessionId);
    if (!use) {
      use = { keyId, sessionId, accountId, firstTime: time, lastTime: time, messages: 0 };
      connection.keys.push(use);
      this.#add({ kind: 'connectionBound', time, connection });
    }
    use.lastTime = time;
    use.accountId = accountId;
    use.messages += 1;
    return use;
  }

  connectionClosed(connection: ConnectionRecord, end: ConnectionEnd): void {
    connection.closeTime = this.now();
    connection.end = end;
    this.open.delete(connection.id);
    this.closed.push(connection);
    this.#add({ kind: 'connectionClosed', time: connection.closeTime, connection });
  }

  callStarted(
    call: Pick<
      CallRecord,
      'connectionId' | 'keyId' | 'sessionId' | 'messageId' | 'accountId' | 'dataCenter' | 'method'
    >,
  ): CallRecord {
    const record: CallRecord = {
      id: this.#nextCallId++,
      ...call,
      startTime: this.now(),
      endTime: undefined,
      outcome: CallOutcome.UNSPECIFIED,
      errorCode: 0,
      errorText: '',
      randomId: 0n,
      deduplicated: false,
      peer: '',
      faultId: '',
      effect: false,
    };
    this.counters.calls += 1;
    count(this.counters.callsByMethod, record.method);
    this.calls.push(record);
    this.#add({ kind: 'callStarted', time: record.startTime, call: record });
    return record;
  }

  callEnded(call: CallRecord, outcome: CallOutcome, error?: { code: number; text: string }): void {
    if (call.endTime !== undefined) return;
    call.endTime = this.now();
    call.outcome = outcome;
    if (error) {
      call.errorCode = error.code;
      call.errorText = error.text;
      count(this.counters.errorsByText, kindOf(error.text));
    }
    this.#add({ kind: 'callEnded', time: call.endTime, call });
  }

  key(kind: 'keyCreated' | 'keyAuthorized' | 'keyEnded' | 'keyDuplicated', key: KeyEventRecord): void {
    if (kind === 'keyCreated') this.counters.keysCreated += 1;
    if (kind === 'keyDuplicated') this.counters.keysDuplicated += 1;
    if (kind === 'keyAuthorized') this.counters.logins += 1;
    this.#add({ kind, time: this.now(), key });
  }

  resetLog(): void {
    this.closed.clear();
    this.calls.clear();
    this.entries.clear();
    this.#tell();
  }

  /** Called after each new entry; returns what ends that. */
  onEntry(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #add(entry: LogEntry): void {
    this.entries.push(entry);
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

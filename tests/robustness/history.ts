import type { MessagingEntry } from './messaging/entries.ts';
import { appendFileSync, closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/*
 * What happened in a run, one JSON object a line, appended by all processes of the suite. `t` and `end` are
 * milliseconds of CLOCK_MONOTONIC; `at` and the like are the database's clock in milliseconds since the epoch.
 * Numbers that may pass 2^53 (tokens, sessions) are text.
 */

export interface RunEntry {
  kind: 'run';
  t: number;
  seed: string;
  seconds: number;
  ttlMs: number;
  replicas: number;
  events: 'nats' | 'postgresql';
  /** The control that was run, when it was one. */
  control?: string;
}

export type Component = 'database' | 'replica-0' | 'replica-1';
export const replicaName = (index: number) => (index === 0 ? 'replica-0' : 'replica-1');

/** Of the real messaging service, in the scenario that has it. */
export type MessagingName = 'messaging-0' | 'messaging-1';

/**
 * One fault: begun, lifted (what was broken is allowed to work), healed (seen to work again), and returned: both
 * replicas look after leases again, which one that has to find out about dead connections does later.
 */
export interface FaultEntry {
  kind: 'fault';
  fault: string;
  t: number;
  lifted: number;
  healed: number;
  returned: number;
  /** What could not do its work meanwhile. */
  down: Component[];
  /** Sessions whose rows were locked; all others were free. */
  sessions?: string[];
  note?: string;
}

export type OperationName = 'acquire' | 'renew' | 'release' | 'report' | 'claim' | 'unclaim' | 'revoke';

/** A call of a client. `unknown`: it may have happened or not. */
export interface OperationEntry {
  kind: 'op';
  op: OperationName;
  t: number;
  end: number;
  client: string;
  via: 'unary' | 'hold' | 'manage';
  replica: number;
  outcome: 'ok' | 'failed' | 'unknown';
  reason?: string;
  session?: string;
  lease?: string;
  token?: string;
  requestId?: string;
  /** Of a release: whether it ended the lease. */
  endedNow?: boolean;
  /** Of a grant or renewal: the end it promised, by the database's clock. */
  expireAt?: number;
  /** Of claims: who claims. */
  process?: string;
  /** Sent on purpose with a proof that was true once or never. */
  stale?: boolean;
}

/** A holder acted on its lease, or on the socket of its claim, at `t` because it believed that it might. */
export interface UseEntry {
  kind: 'use';
  t: number;
  client: string;
  session: string;
  lease: string;
  token: string;
  /** Set when it is a call through a claimed socket. */
  process?: string;
}

export interface SocketEntry {
  kind: 'socket';
  what: 'open' | 'close';
  t: number;
  process: string;
  session: string;
  token: string;
}

/** A stream told that a lease is over. */
export interface LostEntry {
  kind: 'lost';
  t: number;
  client: string;
  lease: string;
}

/** Nothing ran in a process, or the database did not answer, from `t` to `end`. */
export interface StallEntry {
  kind: 'stall';
  who: 'suite' | 'database' | 'replica-0' | 'replica-1' | 'worker' | MessagingName;
  t: number;
  end: number;
}

/** The database's clock was `at` some time between `t - error` and `t + error`. */
export interface ClockEntry {
  kind: 'clock';
  t: number;
  at: number;
  error: number;
}

/** One paced acquire and release; what throughput is measured by. */
export interface TickEntry {
  kind: 'tick';
  t: number;
  end: number;
  ok: boolean;
}

/** A slot's row after a committed update, as a trigger of the suite wrote it down in the same transaction. */
export interface SlotEntry {
  kind: 'slot';
  id: number;
  at: number;
  session: string;
  lease: string | null;
  token: string;
  sequence: number;
  ttlMs: number | null;
  expireAt: number | null;
  drainAt: number | null;
  claimProcess: string | null;
  claimToken: string | null;
  claimExpireAt: number | null;
}

/** The pool noticed that an outage ended. */
export interface ResumeEntry {
  kind: 'resume';
  at: number;
}

/** An event of a committed transaction, as a trigger on the outbox wrote it down. */
export interface CommittedEntry {
  kind: 'committed';
  id: number;
  at: number;
  event: string;
  subject: string;
  session: string;
  sequence: number;
}

interface Seen {
  t: number;
  event: string;
  subject: string;
  session: string;
  sequence: number;
}

/** An event as it stands in the stream, read once more at the end. */
export interface StreamedEntry extends Seen {
  kind: 'streamed';
}

/** An event as the running consumer got it. */
export interface DeliveredEntry extends Seen {
  kind: 'delivered';
}

export type SeenEntry = StreamedEntry | DeliveredEntry;

/** What the run left behind, when all was quiet. */
export interface FinalEntry {
  kind: 'final';
  t: number;
  at: number;
  outboxLeft: number;
  leasesLeft: number;
}

/** A messaging process held a session: from when it had lease, claim and key until the pool was told of the end. */
export interface HoldEntry {
  kind: 'hold';
  t: number;
  end: number;
  process: string;
  session: string;
  token: string;
  why: string;
}

/** A call to Telegram as the messaging process made it. `unknown`: it may have arrived or not. */
export interface CallEntry {
  kind: 'call';
  t: number;
  end: number;
  process: string;
  session: string;
  token: string;
  randomId: string;
  outcome: 'ok' | 'failed' | 'unknown';
  reason?: string;
}

/** A connection to Telegram as the relay on the way saw it: who used which key, by the bytes alone. */
export interface WireEntry {
  kind: 'wire';
  connection: number;
  /** In hexadecimal, as the local Telegram writes it. */
  key: string;
  /** The first and the last packet under the key from the driver, and the end of the driver's side. */
  first: number;
  last: number;
  closed?: number;
  packets: number;
}

/** What the local Telegram has in its log, by its clock. */
export interface ServedEntry {
  kind: 'served';
  at: number;
  connection: string;
  key: string;
  randomId: string;
  outcome: 'ok' | 'error' | 'unanswered';
  error: string;
}

export interface ServedConnectionEntry {
  kind: 'served-connection';
  connection: string;
  key: string;
  first: number;
  last: number;
}

/** Counts of the local Telegram at the end, and the keys that it knew. */
export interface TelegramEntry {
  kind: 'telegram';
  t: number;
  keysDuplicated: number;
  /** Entries that its bounded log had to drop. */
  dropped: number;
  /** The session of each key. */
  sessions: Record<string, string>;
}

/** A process stood still (SIGSTOP) from `t` to `end`. */
export interface PausedEntry {
  kind: 'paused';
  t: number;
  end: number;
  process: string;
}

export type Entry =
  | MessagingEntry
  | HoldEntry
  | CallEntry
  | WireEntry
  | ServedEntry
  | ServedConnectionEntry
  | TelegramEntry
  | PausedEntry
  | RunEntry
  | FaultEntry
  | OperationEntry
  | UseEntry
  | SocketEntry
  | LostEntry
  | StallEntry
  | ClockEntry
  | TickEntry
  | SlotEntry
  | ResumeEntry
  | CommittedEntry
  | StreamedEntry
  | DeliveredEntry
  | FinalEntry;

export type Kind = Entry['kind'];
export type EntryOf<K extends Kind> = Extract<Entry, { kind: K }>;

export interface Recorder {
  write(entry: Entry): void;
  close(): void;
}

/** Each line is one write to a file opened for appending, so lines of several processes do not mix. */
export function openRecorder(file: string): Recorder {
  const descriptor = openSync(file, 'a');
  return {
    write: (entry) => void writeSync(descriptor, `${JSON.stringify(entry)}\n`),
    close: () => closeSync(descriptor),
  };
}

export function appendAll(file: string, entries: readonly Entry[]): void {
  const LINES_AT_ONCE = 10_000;
  for (let from = 0; from < entries.length; from += LINES_AT_ONCE) {
    const lines = entries.slice(from, from + LINES_AT_ONCE).map((entry) => `${JSON.stringify(entry)}\n`);
    appendFileSync(file, lines.join(''));
  }
}

export function readHistory(file: string): Entry[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.flatMap((line, index) => {
    if (line === '') return [];
    try {
      return JSON.parse(line) as Entry;
    } catch (error) {
      throw new Error(`${file}, line ${index + 1} is no JSON: the file is cut or not a history`, {
        cause: error,
      });
    }
  });
}

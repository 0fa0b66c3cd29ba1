import type { Change } from './rewrite.ts';
import type { Invariant } from '../check/verdict.ts';

/** The service with one thing broken, which the suite must notice. */
export interface Control {
  readonly name: string;
  /** What is broken: the pool's replicas, processes that hold sockets and their driver, or the messaging service. */
  readonly in: 'session-pool' | 'messaging' | 'messaging-service';
  readonly changes: readonly Change[];
  /** The faults under which it shows. */
  readonly faults: readonly string[];
  /** At least one of these must be found broken. */
  readonly breaks: readonly Invariant[];
}

const noFenceCheck: Control = {
  name: 'no-fence-check',
  in: 'session-pool',
  faults: ['kill-replica', 'delay-clients', 'suspend-holders'],
  breaks: ['I3'],
  changes: [
    {
      module: 'session-pool/leases/release.ts',
      from: /if \(!everGranted\) return [^;]+;/,
      to: 'void everGranted;',
    },
    {
      module: 'session-pool/leases/release.ts',
      from: /if \(slot\?\.lease_id === leaseId && slot\.fencing_token === fencingToken\) return/,
      to: 'if (slot?.lease_id) return',
    },
    {
      module: 'session-pool/waits/store.ts',
      from: /if \(slot\?\.lease_id !== lease\.leaseId \|\| slot\.fencing_token !== lease\.fencingToken\)/,
      to: 'if (!slot)',
    },
  ],
};

const processClock: Control = {
  name: 'process-clock',
  in: 'session-pool',
  faults: ['skew-clock'],
  breaks: ['I6', 'I4', 'I5'],
  changes: [
    {
      module: 'session-pool/leases/renew.ts',
      from: /select clock_timestamp\(\) as at/,
      to: 'select ${new Date()}::timestamptz as at',
    },
    {
      module: 'session-pool/leases/grant.ts',
      from: /select clock_timestamp\(\) as at/,
      to: 'select ${new Date()}::timestamptz as at',
    },
  ],
};

const frozenNow: Control = {
  name: 'frozen-now',
  in: 'session-pool',
  faults: ['lock-rows'],
  breaks: ['I6', 'I4'],
  changes: [
    { module: 'session-pool/leases/renew.ts', from: /clock_timestamp\(\)/g, to: 'now()' },
    { module: 'session-pool/leases/grant.ts', from: /clock_timestamp\(\)/g, to: 'now()' },
  ],
};

/** Everything is sent while its transaction is still open, and again by the relay when it has committed. */
const publishBeforeCommit: Control = {
  name: 'publish-before-commit',
  in: 'session-pool',
  faults: ['kill-replica', 'restart-database', 'crash-database', 'kill-replica'],
  breaks: ['I9'],
  changes: [
    {
      module: 'lib/service/service.ts',
      from: /(const bus = await openBus\([^;]+;)/,
      to: '$1 (globalThis as any).publishEarly = (events: any[]) => bus.publish(events.map((event) => ({ ...event, headers: {} })));',
    },
    {
      module: 'lib/events/outbox.ts',
      from: /(const traceparent = currentTraceparent\(\);)/,
      to: '$1 await (globalThis as any).publishEarly?.(events);',
    },
  ],
};

const reaperIgnoresOutages: Control = {
  name: 'reaper-ignores-outages',
  in: 'session-pool',
  faults: ['kill-both-replicas', 'crash-database', 'suspend-both-replicas'],
  breaks: ['I10'],
  changes: [
    {
      module: 'session-pool/reaper/store.ts',
      from: /greatest\(expire_time, (\$\{resumeTime\}::timestamptz) \+ ttl_ms \* interval '1 ms'\) <\s+clock_timestamp\(\)/,
      to: 'expire_time < clock_timestamp() and $1 is not null',
    },
  ],
};

/** Whatever is lost, the sockets stay: calls are refused, but the key is on two connections. */
const driverKeepsSocket: Control = {
  name: 'driver-keeps-socket',
  in: 'messaging',
  faults: ['kill-both-replicas', 'suspend-messaging-briefly'],
  breaks: ['I1'],
  changes: [
    {
      module: 'lib/telegram/lasting-link.ts',
      from: /readonly #onLost = \(\): void => [^;]+;/,
      to: 'readonly #onLost = (): void => undefined;',
    },
    {
      module: 'lib/telegram/open-link.ts',
      from: /if \(guard && guard\.remainingMs\(\) <= 0\) return [^;]+;/,
      to: 'void guard;',
    },
    {
      module: 'lib/telegram/held/held-sessions.ts',
      from: /await entry\.owner\.closeSocket\(why\);/,
      to: '',
    },
  ],
};

/** The guard believes what it was told last: a process that stood still goes on where it was. */
const guardWithoutClock: Control = {
  name: 'guard-without-clock',
  in: 'messaging',
  faults: ['suspend-messaging-untold'],
  breaks: ['I3', 'I1'],
  changes: [
    {
      module: 'lib/telegram/held/held-guard.ts',
      from: /return Math\.max\(0, Math\.min\(this\.#claimUntil, this\.#leaseUntil\) - this\.#clock\.monotonic\(\)\);/,
      to: 'return 60_000;',
    },
  ],
};

/** As if the row were written after the call: a repeat does not know what the message was sent by. */
const sendForgotten: Control = {
  name: 'send-forgotten',
  in: 'messaging-service',
  faults: ['cut-telegram', 'kill-messaging', 'cut-messaging-clients'],
  breaks: ['I8'],
  changes: [
    {
      module: 'messaging/sending/send.ts',
      from: /randomId: wireLong\(randomId\),/,
      to: 'randomId: wireLong(BigInt.asIntN(64, process.hrtime.bigint() * 0x9e3779b97f4a7c15n)),',
    },
  ],
};

/** The cursor that a watcher is given is behind what it has not been given yet. */
const cursorAhead: Control = {
  name: 'cursor-ahead',
  in: 'messaging-service',
  faults: ['kill-messaging', 'cut-messaging-clients', 'restart-database'],
  breaks: ['W1'],
  changes: [
    {
      module: 'messaging/watching/watch.ts',
      from: /cursor: cursorOf\(position\),\n(\s+accountId: this\.#accountOf\(sessionId\) \|\|)/,
      to: 'cursor: cursorOf(this.#parts.tail.head > position ? this.#parts.tail.head : position),\n$1',
    },
  ],
};

/** Now and then an update is taken note of and not written: where the account stands is past it. */
const updateDropped: Control = {
  name: 'update-dropped',
  in: 'messaging-service',
  faults: ['kill-messaging', 'restart-database', 'kill-both-messaging'],
  breaks: ['W1', 'I9'],
  changes: [
    {
      module: 'messaging/watching/recorder.ts',
      from: /if \(told\.length === 0\) return;/,
      to: 'if (told.length === 0 || process.hrtime.bigint() % 50n === 0n) return;',
    },
  ],
};

export const controls: readonly Control[] = [
  noFenceCheck,
  processClock,
  frozenNow,
  publishBeforeCommit,
  reaperIgnoresOutages,
  driverKeepsSocket,
  guardWithoutClock,
  sendForgotten,
  cursorAhead,
  updateDropped,
];

export function controlNamed(name: string | undefined): Control {
  const control = controls.find((one) => one.name === name);
  if (control) return control;
  const known = controls.map((one) => one.name).join(', ');
  throw new Error(`there is no control "${name ?? ''}"; there are all, ${known}`);
}

import type { ChildProcess } from 'node:child_process';
import type { Socks5Server } from '../../support/socks5.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Proxy } from '../cluster/proxy.ts';
import { withClient } from '../cluster/truth.ts';
import type { Component, FaultEntry } from '../history.ts';
import type { Random } from '../random.ts';
import type { Relay } from '../telegram/relay.ts';
import { monotonic, until } from '../time.ts';

export interface Nemesis {
  readonly cluster: Cluster;
  readonly holders: readonly ChildProcess[];
  readonly ttlMs: number;
  /** Processes that hold sockets to Telegram; only in the scenario that has one. */
  readonly messaging?: readonly MessagingProcess[];
  /** Ways to and from the real messaging service; only in its scenario. */
  readonly ways?: Ways;
}

export interface Ways {
  /** Between clients and each process of messaging, and between the processes. */
  readonly clients: readonly Proxy[];
  readonly databases: readonly Proxy[];
  readonly telegram: readonly Relay[];
  /** That some accounts go out by. */
  readonly socks: readonly Socks5Server[];
}

export interface MessagingProcess {
  suspend(): void;
  resume(): void;
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** Breaks something, lets it be, and mends it: resolves when it was seen to work again. */
export interface Fault {
  readonly name: string;
  inflict(nemesis: Nemesis, random: Random, stage: Stage): Promise<void>;
}

/** Notes the times of a fault as it goes. */
export interface Stage {
  begin(details: { down?: Component[]; sessions?: string[]; note?: string }): void;
  /** What was broken may work again from now on. */
  lift(): void;
}

export async function runFault(fault: Fault, nemesis: Nemesis, random: Random): Promise<FaultEntry> {
  const entry: FaultEntry = {
    kind: 'fault',
    fault: fault.name,
    t: monotonic(),
    lifted: 0,
    healed: 0,
    returned: 0,
    down: [],
  };
  await fault.inflict(nemesis, random, {
    begin(details) {
      entry.t = monotonic();
      Object.assign(entry, details);
    },
    lift() {
      entry.lifted = monotonic();
    },
  });
  entry.healed = monotonic();
  if (entry.lifted === 0) entry.lifted = entry.healed;
  await until(() => bothLookAfterLeases(nemesis.cluster), { limitMs: RETURN_LIMIT_MS });
  entry.returned = monotonic();
  return entry;
}

/** Far more than a return may take: then the run goes on, and the checker says so. */
const RETURN_LIMIT_MS = 65_000;

/** Each replica stamps a row of its own in every pass of its reaper. */
async function bothLookAfterLeases({ postgres, replicas }: Cluster): Promise<boolean> {
  const { rowCount } = await withClient(postgres.url, (client) =>
    client.query(`select from session_pool.replicas where stamp_time > clock_timestamp() - interval '1 s'`),
  );
  return rowCount === replicas.length;
}

/** Longer than any lease lives without a renewal, shorter than a claim's margin. */
export function pastTtl(random: Random, ttlMs: number): number {
  return random.between(ttlMs * 1.2, ttlMs * 1.5);
}

import { setTimeout as sleep } from 'node:timers/promises';
import {
  AcquireLeaseRequestSchema,
  AcquireLeaseResponseSchema,
  ReleaseLeaseRequestSchema,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { rateLine, ratioLine, type Line } from '../report.ts';
import type { Bench } from './bench.ts';
import { openClient, paths, type BenchClient, type Proof } from './client.ts';
import { startEcho } from './echo.ts';
import type { System } from './system.ts';

const UNARY_IN_FLIGHT = 64;
const STREAMS = 4;
const STREAMED_IN_FLIGHT = 256;

export interface Pairs {
  acquire(): Promise<Proof>;
  release(lease: Proof): Promise<void>;
}

/** Acquires and releases, as many at once as there are entries in `callers`; pairs a second. */
export async function pairsASecond(callers: readonly Pairs[], seconds: number): Promise<number> {
  let pairs = 0;
  let measuring = false;
  const started = performance.now();
  const warm = started + 300;
  const over = warm + seconds * 1_000;
  let from = warm;
  const loop = async (caller: Pairs): Promise<void> => {
    for (let now = performance.now(); now < over; now = performance.now()) {
      if (!measuring && now >= warm) {
        measuring = true;
        from = now;
      }
      await caller.release(await caller.acquire());
      if (measuring && performance.now() < over) pairs += 1;
    }
  };
  await Promise.all(callers.map(loop));
  return (pairs * 1_000) / (over - from);
}

export function unaryCallers(client: BenchClient): Pairs[] {
  return Array.from({ length: UNARY_IN_FLIGHT }, () => client);
}

export function streamedCallers(client: BenchClient): { callers: Pairs[]; end(): void } {
  const workers = Array.from({ length: STREAMS }, () => client.manage());
  return {
    callers: Array.from({ length: STREAMED_IN_FLIGHT }, (_, index) => workers[index % STREAMS]!),
    end: () => workers.forEach((worker) => worker.end()),
  };
}

/** What the pool answers to an acquire and a release, for an echo to answer too. */
export async function recordAnswers(client: BenchClient): Promise<Record<string, Buffer>> {
  const wanted = toBinary(
    AcquireLeaseRequestSchema,
    create(AcquireLeaseRequestSchema, { holder: 'bench worker' }),
  );
  const acquired = await client.raw(paths.acquire, wanted);
  const { leaseId, fencingToken } = fromBinary(AcquireLeaseResponseSchema, acquired).lease!;
  const proof = create(ReleaseLeaseRequestSchema, { lease: { leaseId, fencingToken } });
  const released = await client.raw(paths.release, toBinary(ReleaseLeaseRequestSchema, proof));
  return { [paths.acquire]: acquired, [paths.release]: released };
}

/** Nobody's events are still on their way when the next measurement begins. */
export async function waitForDrain(system: System): Promise<void> {
  while ((await system.backlog()) > 0) await sleep(20);
}

/**
 * Five rates in turn, round after round, each ratio taken within its round: what else the machine does falls
 * on all of them alike.
 */
export async function measureThroughput(bench: Bench): Promise<Line[]> {
  const { seconds, rounds, say } = bench.options;
  const running = await bench.start();
  const paused = await bench.start({ relay: 'paused' });
  const client = openClient(running.address, running.apiKey);
  const pausedClient = openClient(paused.address, paused.apiKey);
  const echo = await startEcho(await recordAnswers(client));
  const echoClient = openClient(echo.address, running.apiKey);

  const streamed = async (from: BenchClient): Promise<number> => {
    const { callers, end } = streamedCallers(from);
    const rate = await pairsASecond(callers, seconds);
    end();
    return rate;
  };
  const rates = {
    echo: () => pairsASecond(unaryCallers(echoClient), seconds),
    unary: async () => {
      const rate = await pairsASecond(unaryCallers(client), seconds);
      await waitForDrain(running);
      return rate;
    },
    unaryPaused: () => pairsASecond(unaryCallers(pausedClient), seconds),
    manage: async () => {
      const rate = await streamed(client);
      await waitForDrain(running);
      return rate;
    },
    managePaused: () => streamed(pausedClient),
  };
  const seen: Record<keyof typeof rates, number[]> = {
    echo: [],
    unary: [],
    unaryPaused: [],
    manage: [],
    managePaused: [],
  };
  // The first round warms everything up and is not counted.
  for (let round = 0; round <= rounds; round += 1) {
    for (const name of Object.keys(rates) as (keyof typeof rates)[]) {
      const rate = await rates[name]();
      if (round > 0) seen[name].push(rate);
    }
    say(
      `round ${round} of ${rounds}: ${Object.entries(seen)
        .map(([name, all]) => `${name} ${Math.round(all.at(-1) ?? 0)}`)
        .join(', ')} pairs/s`,
    );
  }

  const backlog = await paused.backlog();
  const drainStarted = performance.now();
  await paused.letRelayWork();
  await waitForDrain(paused);
  const drainSeconds = (performance.now() - drainStarted) / 1_000;

  for (const one of [client, pausedClient, echoClient]) one.close();
  await echo.stop();
  await running.stop();
  await paused.stop();

  return [
    rateLine('bare echo: calls ÷ 2', seen.echo),
    rateLine('unary, 64 in flight, relay running', seen.unary),
    rateLine('unary, 64 in flight, relay paused', seen.unaryPaused),
    rateLine('ManageLeases, 256 in flight, relay running', seen.manage),
    rateLine('ManageLeases, 256 in flight, relay paused', seen.managePaused),
    ratioLine('unary ÷ echo, relay running', seen.unary, seen.echo, 0.35),
    ratioLine('unary ÷ echo, relay paused', seen.unaryPaused, seen.echo, 0.5),
    ratioLine('ManageLeases ÷ unary, relay running', seen.manage, seen.unary, 2),
    ratioLine('ManageLeases ÷ unary, relay paused', seen.managePaused, seen.unaryPaused, 3),
    {
      name: 'draining what the paused relay left',
      value: drainSeconds,
      shown: `${backlog} events in ${drainSeconds.toFixed(1)} s`,
    },
  ];
}

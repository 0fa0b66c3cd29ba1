import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { create } from '@bufbuild/protobuf';
import { LeaseProofSchema } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { pause } from '#lib/lifecycle/clock.ts';
import { RpcError } from '#lib/rpc/status.ts';
import { holdOverStream, type HoldOutcome, type Holding, type PoolClient } from './stream.ts';
import { Tenure } from './tenure.ts';

export interface HolderOptions extends Omit<Holding, 'tenure' | 'askedAt'> {
  /** Opens a connection to the address of this number; counts on past the last one. */
  connect(attempt: number): PoolClient;
  addressCount: number;
  /** As in the request: how long the acquire may queue. */
  waitMs: number;
  random: () => number;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;
/** What an acquire that queued may take beyond its wait, when the connection broke meanwhile. */
const QUEUE_SLACK_MS = 5_000;
const RELEASE_LIMIT_MS = 5_000;
const RELEASE_ATTEMPT_MS = 2_000;

/** Holds one lease over as many connections as it takes, until Ctrl-C, or until it is over. */
export async function holdLease(options: HolderOptions): Promise<HoldOutcome> {
  const tenure = new Tenure(options.clock, options.tell);
  try {
    return await holdOn({ ...options, tenure, askedAt: options.clock.monotonic() });
  } finally {
    tenure.end();
  }
}

async function holdOn(options: HolderOptions & Holding): Promise<HoldOutcome> {
  const { clock, stop, tenure, tell, connect, addressCount } = options;
  let attempt = 0;
  let failures = 0;
  let isTold = false;
  let wasHeard = false;
  for (;;) {
    if (stop.aborted) return tenure.lease ? giveBack(options, attempt) : { kind: 'withdrawn' };
    const client = connect(attempt);
    const end = await holdOverStream(options, client, () => {
      failures = 0;
      isTold = false;
      wasHeard = true;
    }).finally(() => client.close());
    if (end.kind === 'over') return end.outcome;
    attempt += 1;
    if (stop.aborted) continue;
    if (end.kind === 'broken') {
      failures += 1;
      if (!tenure.lease && isPointless(options, wasHeard, failures))
        return { kind: 'unreachable', error: end.error };
      if (!isTold && wasHeard)
        tell({
          kind: 'disconnected',
          problem: end.problem,
          safeMs: tenure.lease ? tenure.safeMs() : undefined,
        });
      isTold = true;
    }
    // Another address is tried at once; only when all were tried is there a pause.
    if (addressCount === 1 || (failures > 0 && failures % addressCount === 0))
      await pause(clock, pauseMs(options, failures), stop);
  }
}

function isPointless(options: HolderOptions & Holding, wasHeard: boolean, failures: number): boolean {
  if (!wasHeard) return failures >= options.addressCount;
  return options.clock.monotonic() > options.askedAt + options.waitMs + QUEUE_SLACK_MS;
}

function pauseMs({ addressCount, random }: HolderOptions, failures: number): number {
  const rounds = Math.floor(failures / addressCount);
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** rounds) * (0.5 + random() / 2);
}

/** Ctrl-C came while no stream was open. */
async function giveBack(options: HolderOptions & Holding, firstAttempt: number): Promise<HoldOutcome> {
  const { clock, tenure, tell, connect, addressCount } = options;
  const { leaseId, fencingToken } = tenure.lease!;
  const proof = create(LeaseProofSchema, { leaseId, fencingToken });
  const limit = clock.monotonic() + RELEASE_LIMIT_MS;
  for (let attempt = firstAttempt; clock.monotonic() < limit; attempt += 1) {
    const client = connect(attempt);
    try {
      await client.releaseLease({ lease: proof }, { deadlineMs: RELEASE_ATTEMPT_MS });
      tell({ kind: 'heard', event: { case: 'released', value: proof } });
      return { kind: 'released' };
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      if (error.reason === ErrorReason.LEASE_LOST) return { kind: 'lost' };
    } finally {
      client.close();
    }
    if ((attempt - firstAttempt + 1) % addressCount === 0) await pause(clock, FIRST_PAUSE_MS);
  }
  tell({ kind: 'unreleased', endMs: clock.now() + tenure.ttlMs });
  return { kind: 'unreleased' };
}

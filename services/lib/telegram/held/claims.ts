import { durationMs } from '@bufbuild/protobuf/wkt';
import type { EgressMaterial } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { createBatcher, type Batcher } from '#lib/batching/batcher.ts';
import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import { DependencyUnavailable, type DomainError } from '#lib/rpc/errors.ts';
import { fromStatusMessage } from '#lib/rpc/status.ts';
import type { PoolClient, Replicas } from './replicas.ts';

export interface Proof {
  readonly leaseId: string;
  readonly fencingToken: bigint;
}

export interface Claimed {
  readonly kind: 'claimed';
  readonly sessionId: bigint;
  readonly environment: string;
  readonly ttlMs: number;
  readonly sentAt: number;
  /** With a first claim; renewals come without. */
  readonly material?: EgressMaterial;
}

export type ClaimOutcome = Claimed | { readonly kind: 'refused'; readonly error: DomainError };

export interface ClaimParts {
  readonly replicas: Replicas;
  /** Of this process, unique among all that ever ran. */
  readonly processId: string;
  readonly clock: Clock;
}

export const CLAIMS_A_CALL = 1_000;
const MATERIALS_A_CALL = 100;
/** A first claim waits so long for others to go along. */
const GATHER_MS = 5;
const CALL_LIMIT_MS = 3_000;
const PAUSE_MS = 100;
const CLAIM_ATTEMPTS = 3;
const RELEASE_ATTEMPTS = 4;

/** The egress claims of this process, many a call. */
export class Claims {
  readonly #parts: ClaimParts;
  readonly #firsts: Batcher<Proof, ClaimOutcome>;
  readonly #releases: Batcher<Proof, void>;

  constructor(parts: ClaimParts) {
    this.#parts = parts;
    const { clock } = parts;
    this.#firsts = createBatcher({
      name: 'egress.claim',
      run: (proofs: readonly Proof[]) =>
        this.#insist(CLAIM_ATTEMPTS, (client) => this.#claim(client, proofs, true)),
      maxItems: MATERIALS_A_CALL,
      gatherMs: GATHER_MS,
      clock,
    });
    this.#releases = createBatcher({
      name: 'egress.release',
      run: (proofs: readonly Proof[]) =>
        this.#insist(RELEASE_ATTEMPTS, async (client) => {
          const { processId } = this.#parts;
          await client.releaseEgress({ processId, leases: [...proofs] }, { deadlineMs: CALL_LIMIT_MS });
          return proofs.map(() => undefined);
        }),
      maxItems: CLAIMS_A_CALL,
      gatherMs: GATHER_MS,
      clock,
    });
  }

  /** With the session's key. */
  claim(proof: Proof): Promise<ClaimOutcome> {
    return this.#firsts.submit(proof);
  }

  /** One attempt: who renews in time has more. At most CLAIMS_A_CALL. */
  async renew(proofs: readonly Proof[]): Promise<readonly ClaimOutcome[]> {
    const client = this.#parts.replicas.current;
    try {
      return await this.#claim(client, proofs, false);
    } catch (error) {
      this.#parts.replicas.leave(client);
      throw error;
    }
  }

  release(proof: Proof): Promise<void> {
    return this.#releases.submit(proof);
  }

  async #claim(
    client: PoolClient,
    proofs: readonly Proof[],
    withMaterial: boolean,
  ): Promise<readonly ClaimOutcome[]> {
    const { clock, processId } = this.#parts;
    const sentAt = clock.monotonic();
    const { claims, refused } = await client.claimEgress(
      { processId, leases: [...proofs], withMaterial },
      { deadlineMs: CALL_LIMIT_MS },
    );
    const outcomes = new Map<string, ClaimOutcome>();
    for (const { leaseId, sessionId, environment, ttl, material } of claims) {
      // A lease that ended between claim and key has no key: its claim is worth nothing.
      if (withMaterial && !material) continue;
      const ttlMs = ttl ? durationMs(ttl) : 0;
      outcomes.set(leaseId, { kind: 'claimed', sessionId, environment, ttlMs, sentAt, material });
    }
    for (const { leaseId, error } of refused)
      if (error) outcomes.set(leaseId, { kind: 'refused', error: fromStatusMessage(error) });
    return proofs.map(({ leaseId }) => outcomes.get(leaseId) ?? unanswered);
  }

  /** Tries one replica after the other; what is refused, is refused by all. */
  async #insist<T>(attempts: number, call: (client: PoolClient) => Promise<T>): Promise<T> {
    const { replicas, clock } = this.#parts;
    for (let attempt = 1; ; attempt += 1) {
      const client = replicas.current;
      try {
        return await call(client);
      } catch (error) {
        if (attempt >= attempts * replicas.count) throw error;
        replicas.leave(client);
        if (attempt % replicas.count === 0) await pause(clock, PAUSE_MS * 2 ** (attempt / replicas.count));
      }
    }
  }
}

const unanswered: ClaimOutcome = {
  kind: 'refused',
  error: new DependencyUnavailable('SessionPoolService'),
};

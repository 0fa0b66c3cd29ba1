import { randomUUIDv7 } from 'node:crypto';
import { durationFromMs, durationMs, timestampDate } from '@bufbuild/protobuf/wkt';
import { LeaseAccess, type Lease } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { AlreadyExists, Cancelled, QuotaExceeded } from '#lib/rpc/errors.ts';
import { instruments } from '#lib/telemetry/metrics.ts';
import { LeaseLost } from '../errors.ts';
import type { SessionReports } from '../session-reports.ts';
import { hearOfCallersLeases, type CallersLeases } from './callers-leases.ts';
import { Claims, type Claimed, type Proof } from './claims.ts';
import type { Entry, HoldEnd, SessionOwner } from './entry.ts';
import { giveBack, RELEASE_LIMIT_MS } from './give-back.ts';
import { HeldGuard } from './held-guard.ts';
import type { CallersLease, HeldSession, HeldSessionsOptions, WantedSession } from './held-session.ts';
import { LeaseStream } from './lease-stream.ts';
import { Replicas } from './replicas.ts';
import { readSession } from './material.ts';
import { CLAIM_EVERY_MS, RENEWALS_A_LEASE, Renewals } from './renewals.ts';
import { createReports } from './reports.ts';

const DEFAULT_TTL_MS = 30_000;
const ANSWER_LIMIT_MS = 5_000;
const MOST_SESSIONS = 20_000;

const metrics = instruments((meter) => ({
  ends: meter.createCounter('telegate.held.ends', {
    description: 'Sessions that a process holds no more, by why.',
  }),
}));

/** The sessions whose sockets this process holds, under leases of its own and of its callers. */
export class HeldSessions {
  readonly #options: HeldSessionsOptions;
  readonly #replicas: Replicas;
  readonly #stream: LeaseStream;
  readonly #claims: Claims;
  readonly #stopping = new AbortController();
  readonly #byLease = new Map<string, Entry>();
  /** By session: a new one waits until the one before it has closed its socket. */
  readonly #bySession = new Map<bigint, Entry>();
  readonly #renewals: Renewals;
  readonly #callersLeases: CallersLeases;
  readonly #beginning = new Set<Promise<unknown>>();

  constructor(options: HeldSessionsOptions) {
    this.#options = options;
    this.#replicas = new Replicas(options.clients);
    const { clock, log, processId } = options;
    this.#claims = new Claims({ replicas: this.#replicas, processId, clock });
    this.#stream = new LeaseStream(
      { replicas: this.#replicas, clock, log, random: () => options.random() },
      {
        opened: () => {
          this.#renewals.renewAllLeases();
          this.#callersLeases.hear([...this.#byLease.values()]);
        },
        granted: (lease) => this.#refuse(lease),
        lost: ({ leaseId }) => this.#leaseLost(leaseId),
        drainRequested: ({ leaseId, deadline }) => {
          const entry = this.#byLease.get(leaseId);
          // Of a caller's lease the caller is asked.
          if (deadline && entry?.ttlMs !== undefined) entry.owner.drainRequested?.(timestampDate(deadline));
        },
        floodWait: (wait) => this.#bySession.get(wait.sessionId)?.owner.floodWait?.(wait),
      },
    );
    this.#callersLeases = hearOfCallersLeases({
      stream: this.#stream,
      log,
      lost: (leaseId) => this.#leaseLost(leaseId),
    });
    this.#renewals = new Renewals({
      clock,
      log,
      stream: this.#stream,
      claims: this.#claims,
      entries: () => this.#byLease.values(),
      end: (entry, why) => void this.#end(entry, why),
    });
  }

  get size(): number {
    return this.#byLease.size;
  }

  /** Leases the session for this process. Rejects with what the pool refused it with. */
  acquire(wanted: WantedSession, owner: SessionOwner): Promise<HeldSession> {
    return this.#track(this.#acquire(wanted, owner));
  }

  async #acquire(wanted: WantedSession, owner: SessionOwner): Promise<HeldSession> {
    this.#makeRoom();
    const { lease, sentAt } = await this.#lease(wanted);
    const { sessionId, leaseId, fencingToken } = lease;
    const proof = { leaseId, fencingToken };
    const ttlMs = lease.ttl ? durationMs(lease.ttl) : DEFAULT_TTL_MS;
    const entry = this.#entryOf({ sessionId, ...proof }, wanted.tenantId, owner, ttlMs);
    entry.guard.renewed(sentAt, ttlMs);
    entry.nextRenewal = sentAt + ttlMs / RENEWALS_A_LEASE;
    return this.#begin(entry, proof);
  }

  /** Acts under a caller's lease, which the caller keeps alive. */
  adopt(lease: CallersLease, owner: SessionOwner): Promise<HeldSession> {
    return this.#track(this.#adopt(lease, owner));
  }

  async #adopt(lease: CallersLease, owner: SessionOwner): Promise<HeldSession> {
    this.#makeRoom();
    const { tenantId, leaseId, fencingToken } = lease;
    const sessionId = await this.#sessionOf(lease);
    const proof = { leaseId, fencingToken };
    const entry = this.#entryOf({ sessionId, ...proof }, tenantId, owner, undefined);
    const held = await this.#begin(entry, proof);
    this.#callersLeases.hear([entry]);
    return held;
  }

  /** Closes every socket and gives everything back. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(Array.from(this.#byLease.values(), (entry) => this.#end(entry, 'stopping')));
    await Promise.allSettled(this.#beginning);
    this.#renewals.stop();
    await this.#stream.close();
  }

  async #track<T>(work: Promise<T>): Promise<T> {
    this.#beginning.add(work);
    try {
      return await work;
    } finally {
      this.#beginning.delete(work);
    }
  }

  #makeRoom(): void {
    if (this.#stopping.signal.aborted) throw new Cancelled();
    const { mostSessions = MOST_SESSIONS } = this.#options;
    if (this.#byLease.size >= mostSessions)
      throw new QuotaExceeded(
        'held_sessions',
        `This process holds ${mostSessions} sessions, as many as it may.`,
      );
  }

  async #lease(wanted: WantedSession): Promise<{ lease: Lease; sentAt: number }> {
    const { processId } = this.#options;
    const { tenantId, sessionId = 0n, accountId = '', waitMs = 0, ttlMs = DEFAULT_TTL_MS, signal } = wanted;
    const value = {
      selector: {
        sessionId,
        accountId,
        forMethod: wanted.forMethod ?? '',
        evenPaused: wanted.evenPaused ?? false,
      },
      holder: processId,
      ttl: durationFromMs(ttlMs),
      ...(waitMs > 0 ? { wait: durationFromMs(waitMs) } : {}),
      access: LeaseAccess.MEDIATED,
      // The answer may be lost with the stream: the next one gives it again.
      requestId: randomUUIDv7(),
    };
    const limitMs = waitMs + ANSWER_LIMIT_MS;
    const { result, sentAt } = await this.#stream.ask(
      { case: 'acquire', value },
      { tenantId, limitMs, signal },
    );
    if (result.case !== 'acquired') throw new TypeError(`an acquire was answered with ${result.case}`);
    return { lease: result.value, sentAt };
  }

  /** The caller's lease as its tenant sees it: another's is not there. */
  async #sessionOf({ tenantId, leaseId }: CallersLease): Promise<bigint> {
    const principal = { ...this.#options.principal, tenantId, homeTenantId: tenantId };
    const parent = { principal, signal: this.#stopping.signal, remainingMs: () => ANSWER_LIMIT_MS };
    const { lease } = await this.#replicas.current.getLease({ leaseId }, { parent });
    if (!lease || lease.access !== LeaseAccess.MEDIATED) throw new LeaseLost(lease?.sessionId ?? 0n, leaseId);
    return lease.sessionId;
  }

  #entryOf(
    lease: Proof & { sessionId: bigint },
    tenantId: string,
    owner: SessionOwner,
    ttlMs: number | undefined,
  ): Entry {
    const { leaseId, fencingToken } = lease;
    const { clock } = this.#options;
    const entry: Entry = {
      guard: new HeldGuard(lease, clock, () => void this.#end(entry, 'overdue')),
      proof: { leaseId, fencingToken },
      owner,
      ttlMs,
      tenantId,
      ended: Promise.withResolvers(),
      why: undefined,
      isClaimed: false,
      leaseIsOver: false,
      claimIsOver: false,
      nextClaim: Infinity,
      nextRenewal: Infinity,
      claiming: undefined,
    };
    return entry;
  }

  /** Claims the session's socket, once the one before has been closed. */
  async #begin(entry: Entry, proof: Proof): Promise<HeldSession> {
    const { sessionId } = entry.guard;
    const { leaseId } = proof;
    for (let before = this.#bySession.get(sessionId); before; before = this.#bySession.get(sessionId)) {
      if (before.proof.leaseId === leaseId && !before.why) throw new AlreadyExists('held lease', leaseId);
      // Two leases on one session never live: the older one's time is over, whatever this process heard of it.
      if (before.guard.fencingToken > entry.guard.fencingToken) throw new LeaseLost(sessionId, leaseId);
      await this.#end(before, 'lease_lost');
    }
    this.#byLease.set(leaseId, entry);
    this.#bySession.set(sessionId, entry);
    this.#renewals.plan();
    let claimed: Claimed;
    try {
      const outcome = await this.#claims.claim(proof);
      if (outcome.kind === 'refused') throw outcome.error;
      claimed = outcome;
      if (claimed.material!.tenantId !== entry.tenantId) throw new LeaseLost(sessionId, leaseId);
    } catch (error) {
      await this.#end(entry, 'claim_refused');
      throw error;
    }
    entry.guard.claimed(claimed.sentAt, claimed.ttlMs);
    entry.nextClaim = claimed.sentAt + CLAIM_EVERY_MS;
    this.#renewals.plan();
    // The grant may have come from a queue, and the claim slowly. Only from here on is it overdue when it is late.
    if (entry.ttlMs !== undefined && entry.guard.remainingMs() === 0)
      await this.#renewals.renewLeases([entry]);
    entry.isClaimed = true;
    this.#renewals.plan();
    if (this.#stopping.signal.aborted) void this.#end(entry, 'stopping');
    try {
      entry.guard.check();
    } catch (error) {
      await entry.ended.promise;
      throw error;
    }
    return {
      guard: entry.guard,
      lease: proof,
      session: readSession(claimed),
      reports: this.#reportsOf(entry),
      ended: entry.ended.promise,
      release: () => this.#end(entry, 'released'),
    };
  }

  #reportsOf({ guard, proof, tenantId, owner }: Entry): SessionReports {
    const { principal, clock, log } = this.#options;
    return createReports(
      {
        stream: this.#stream,
        replicas: this.#replicas,
        principal,
        clock,
        log,
        stopping: this.#stopping.signal,
      },
      {
        sessionId: guard.sessionId,
        tenantId,
        proof,
        lost: guard.lost,
        limited: (telegramError) => owner.limited?.(telegramError),
      },
    );
  }

  /** A grant that came after whoever asked for it had given up. */
  #refuse({ leaseId, fencingToken }: Lease): void {
    this.#stream
      .ask({ case: 'release', value: { leaseId, fencingToken } }, { limitMs: RELEASE_LIMIT_MS })
      .catch((error: unknown) => {
        const { log } = this.#options;
        log.warn({ event: 'lease_not_released', err: error }, 'a lease that nobody wants ends by itself');
      });
  }

  #leaseLost(leaseId: string): void {
    const entry = this.#byLease.get(leaseId);
    if (!entry) return;
    entry.leaseIsOver = true;
    void this.#end(entry, 'lease_lost');
  }

  /** No call passes from here on; then the socket, then the claim, then the lease. */
  #end(entry: Entry, why: HoldEnd): Promise<HoldEnd> {
    if (!entry.why) {
      entry.why = why;
      entry.guard.end();
      metrics().ends.add(1, { 'telegate.why': why });
      void this.#windUp(entry, why);
    }
    return entry.ended.promise;
  }

  async #windUp(entry: Entry, why: HoldEnd): Promise<void> {
    const { log } = this.#options;
    const line = { session_id: String(entry.guard.sessionId), why };
    try {
      // While it closes, claim and lease are kept alive where they can be: nobody else gets the session.
      await entry.owner.closeSocket(why);
      await giveBack(entry, this.#claims, this.#stream).catch((error: unknown) => {
        log.warn(
          { event: 'session_not_given_back', ...line, err: error },
          'claim and lease end by themselves',
        );
      });
    } catch (error) {
      log.error(
        { event: 'socket_not_closed', ...line, err: error },
        'a socket may be open still: its claim is not given back and ends by itself',
      );
    }
    this.#byLease.delete(entry.proof.leaseId);
    if (this.#bySession.get(entry.guard.sessionId) === entry) this.#bySession.delete(entry.guard.sessionId);
    entry.ended.resolve(why);
  }
}

import { servicePrincipal } from '#lib/auth/principal.ts';
import type { Consumer, EventBus } from '#lib/events/bus.ts';
import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import { DependencyUnavailable } from '#lib/rpc/errors.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { Replicas } from '#lib/telegram/held/replicas.ts';
import type { ListSessionsResponse } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';

export interface DirectoryParts {
  readonly pools: Replicas;
  /** The Telegram that this process is for: sessions of others are none of its. */
  readonly environment: string;
  readonly bus: EventBus;
  readonly processId: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A tenant's sessions, and what becomes of them while somebody looks. */
export interface TenantSessions {
  /** Account by session; empty while none is known. */
  readonly sessions: ReadonlyMap<bigint, string>;
  sessionOf(accountId: string): bigint | undefined;
  /** Asks the pool now. */
  refresh(): Promise<void>;
  onChange(listener: () => void): () => void;
  close(): void;
}

const SUBJECTS = ['session_added', 'session_removed', 'session_updated'].map(
  (event) => `telegate.v1.session_pool.*.${event}`,
);
const FORGET_AFTER_MS = 60_000;
/** An event that never came is made up for. */
const REFRESH_MS = 60_000;
const BETWEEN_MS = 250;
const PAGE = 1_000;
const CALL_MS = 10_000;

export class Directory {
  readonly #parts: DirectoryParts;
  readonly #tenants = new Map<string, Tenant>();
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #consumer: Promise<Consumer>;

  constructor(parts: DirectoryParts) {
    this.#parts = parts;
    const { bus, processId } = parts;
    this.#consumer = bus.consume({
      durable: `watching-${processId.replaceAll(':', '-')}`,
      subjects: SUBJECTS,
      startFrom: 'new',
      forgetAfterMs: FORGET_AFTER_MS,
      handle: ({ tenantId }) => {
        this.#tenants.get(tenantId)?.later();
        return Promise.resolve();
      },
    });
    this.#consumer.catch((err: unknown) =>
      parts.log.warn({ event: 'watch_directory', err }, 'new sessions are seen once a minute only'),
    );
    this.#running = this.#run();
  }

  async open(tenantId: string): Promise<TenantSessions> {
    let tenant = this.#tenants.get(tenantId);
    if (!tenant) {
      tenant = new Tenant(tenantId, this.#parts, this.#stopping.signal);
      this.#tenants.set(tenantId, tenant);
    }
    const opened = tenant;
    opened.users += 1;
    const close = (): void => {
      opened.users -= 1;
      if (opened.users === 0 && this.#tenants.get(tenantId) === opened) this.#tenants.delete(tenantId);
    };
    try {
      await opened.first();
    } catch (error) {
      close();
      throw error;
    }
    return {
      get sessions() {
        return opened.sessions;
      },
      sessionOf: (accountId) => opened.byAccount.get(accountId),
      refresh: () => opened.refresh(),
      onChange(listener) {
        opened.listeners.add(listener);
        return () => void opened.listeners.delete(listener);
      },
      close,
    };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await pause(this.#parts.clock, REFRESH_MS, signal);
      for (const tenant of this.#tenants.values()) tenant.later();
    }
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    const consumer = await this.#consumer.catch(() => undefined);
    await consumer?.stop();
  }
}

class Tenant {
  readonly #tenantId: string;
  readonly #parts: DirectoryParts;
  readonly #stopping: AbortSignal;
  readonly listeners = new Set<() => void>();
  users = 0;
  sessions: ReadonlyMap<bigint, string> = new Map();
  byAccount: ReadonlyMap<string, bigint> = new Map();
  #first: Promise<void> | undefined;
  #reading: Promise<void> | undefined;
  #isDue = false;
  #isFollowing = false;

  constructor(tenantId: string, parts: DirectoryParts, stopping: AbortSignal) {
    this.#tenantId = tenantId;
    this.#parts = parts;
    this.#stopping = stopping;
  }

  first(): Promise<void> {
    this.#first ??= this.refresh();
    this.#first.catch(() => (this.#first = undefined));
    return this.#first;
  }

  /** What changed since the reading that is under way began is in the next. */
  async refresh(): Promise<void> {
    await this.#reading?.catch(() => undefined);
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    await this.#reading;
  }

  /** Soon, and once for all that asks for it meanwhile. */
  later(): void {
    this.#isDue = true;
    if (!this.#isFollowing) void this.#follow();
  }

  async #follow(): Promise<void> {
    const { clock, log } = this.#parts;
    this.#isFollowing = true;
    while (this.#isDue && !this.#stopping.aborted && this.users > 0) {
      this.#isDue = false;
      try {
        await this.refresh();
      } catch (err) {
        log.warn(
          { event: 'watch_directory', err },
          "a tenant's sessions can not be listed; it is tried again",
        );
      }
      await pause(clock, BETWEEN_MS, this.#stopping);
    }
    this.#isFollowing = false;
  }

  /** Of one replica after the other. */
  async #page(pageToken: string): Promise<ListSessionsResponse> {
    const { pools } = this.#parts;
    const parent = {
      principal: servicePrincipal('messaging', this.#tenantId),
      signal: this.#stopping,
      remainingMs: () => CALL_MS,
    };
    for (let asked = 1; ; asked += 1) {
      const client = pools.current;
      try {
        return await client.listSessions({ pageSize: PAGE, pageToken }, { parent });
      } catch (cause) {
        pools.leave(client);
        if (asked >= pools.count) throw new DependencyUnavailable('session-pool', { cause });
      }
    }
  }

  async #read(): Promise<void> {
    const { environment } = this.#parts;
    const found = new Map<bigint, string>();
    let pageToken = '';
    do {
      const page = await this.#page(pageToken);
      for (const session of page.sessions)
        if (session.environment === environment) found.set(session.sessionId, session.accountId);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    this.sessions = found;
    this.byAccount = new Map(
      Array.from(found, ([sessionId, accountId]) => [accountId, sessionId] as const).filter(
        ([accountId]) => accountId !== '',
      ),
    );
    for (const listener of this.listeners) listener();
  }
}

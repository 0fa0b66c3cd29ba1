import type { Clock } from '#lib/lifecycle/clock.ts';
import { DeadlineExceeded } from '#lib/rpc/errors.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { asDomainError } from './call-failure.ts';
import type { Api } from './client.ts';
import type { Egress } from './egress.ts';
import type { TelegramEnvironment } from './environment.ts';
import { RawRpcError, type Application, type CallLimits, type Link } from './link.ts';
import { openLink } from './open-link.ts';
import { parseRpcError, verdictOf } from './rpc-errors.ts';

/** The key that a login is under way with. It must be kept as secretly as a session's. */
export interface LoginKey {
  readonly dataCenter: number;
  readonly authKey: Buffer;
}

export interface LoginConnectionOptions {
  readonly telegram: TelegramEnvironment;
  readonly egress: Egress;
  readonly application: Application;
  /** Of a login that began before, in another process perhaps. */
  readonly key?: LoginKey;
  /** A key was made, at the start or because Telegram moved the login; it must be kept before it is used. */
  readonly keyMade: (key: LoginKey) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly connectTimeoutMs?: number;
}

const CONNECT_TIMEOUT_MS = 15_000;
/** Phone, then user: Telegram moves a login no more often. */
const MOST_MOVES = 3;

/**
 * A login in progress: one connection at a time, under a key that belongs to no session yet. Telegram may move it
 * to another data centre, where it goes on under a new key.
 */
export class LoginConnection {
  readonly #options: LoginConnectionOptions;
  readonly #closed = new AbortController();
  #key: LoginKey | undefined;
  #dataCenter: number;
  #link: Link | undefined;
  #opening: Promise<Link> | undefined;

  constructor(options: LoginConnectionOptions) {
    this.#options = options;
    this.#key = options.key;
    this.#dataCenter = options.key?.dataCenter ?? options.telegram.defaultDataCenter;
  }

  get key(): LoginKey | undefined {
    return this.#key;
  }

  get dataCenter(): number {
    return this.#dataCenter;
  }

  /** Rejects with a DomainError; of a TelegramRefused the verdict says what the login does next. */
  async call<R extends Api.AnyRequest>(request: R, limits: CallLimits): Promise<R['__response']> {
    const { clock } = this.#options;
    const until = clock.monotonic() + limits.deadlineMs;
    for (let moves = 0; ; moves += 1) {
      const left = { deadlineMs: until - clock.monotonic(), signal: limits.signal };
      if (left.deadlineMs <= 0) throw new DeadlineExceeded();
      try {
        const link = await this.#connected(left);
        return await link.invoke(request, { ...left, deadlineMs: until - clock.monotonic() });
      } catch (error) {
        const to = moves < MOST_MOVES ? movedTo(error) : undefined;
        if (to === undefined || to === this.#dataCenter || !this.#options.telegram.dataCenters.has(to))
          throw asDomainError(error, { dataCenter: this.#dataCenter });
        await this.moveTo(to);
      }
    }
  }

  /** The next call goes to another data centre, under a key made there: also what a QR login is told to do. */
  async moveTo(dataCenter: number): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    this.#key = undefined;
    this.#dataCenter = dataCenter;
    await link?.close();
  }

  /** Updates of the login: that its QR code was scanned. */
  onUpdates: ((updates: Api.TypeUpdates) => void) | undefined;
  /** The connection broke by itself: no updates come until the next call. */
  onLost: (() => void) | undefined;

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#opening?.catch(() => undefined);
    await this.#link?.close();
  }

  async #connected(limits: CallLimits): Promise<Link> {
    if (this.#link) return this.#link;
    return (this.#opening ??= this.#open(limits).finally(() => (this.#opening = undefined)));
  }

  async #open({ deadlineMs, signal: given }: CallLimits): Promise<Link> {
    const { telegram, egress, application, keyMade, clock, log } = this.#options;
    const connectTimeoutMs = Math.min(deadlineMs, this.#options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS);
    const signal = given ? AbortSignal.any([given, this.#closed.signal]) : this.#closed.signal;
    const dataCenter = this.#dataCenter;
    const parts = { telegram, egress, application, connectTimeoutMs, signal, clock, log, dataCenter };
    const link = await openLink({ ...parts, ...this.#key });
    try {
      if (!this.#key) {
        const key = { dataCenter, authKey: link.authKey };
        await keyMade(key);
        this.#key = key;
      }
      signal.throwIfAborted();
    } catch (error) {
      await link.close();
      throw error;
    }
    link.onUpdates((updates) => this.onUpdates?.(updates));
    this.#link = link;
    void link.closed.then(() => {
      if (this.#link !== link) return;
      this.#link = undefined;
      if (!this.#closed.signal.aborted) this.onLost?.();
    });
    return link;
  }
}

function movedTo(error: unknown): number | undefined {
  if (!(error instanceof RawRpcError)) return undefined;
  const verdict = verdictOf(parseRpcError(error));
  return verdict.kind === 'migrate' ? verdict.dataCenter : undefined;
}

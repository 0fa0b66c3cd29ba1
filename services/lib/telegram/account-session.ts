import type { Clock } from '#lib/lifecycle/clock.ts';
import { DeadlineExceeded, GoingAway } from '#lib/rpc/errors.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { Breakers, Route } from './breakers.ts';
import { Api } from './client.ts';
import type { Egress } from './egress.ts';
import type { TelegramEnvironment } from './environment.ts';
import { AccountBanned, MigrateTo, NeedsLogin, TelegramUnreachable } from './errors.ts';
import type { FloodGate } from './flood-gate.ts';
import type { LeaseGuard } from './guard.ts';
import { LastingLink, type ConnectionState, type LastingLinkParts } from './lasting-link.ts';
import type { Application, CallLimits, Link } from './link.ts';
import { openLink } from './open-link.ts';
import type { PingWheel } from './ping-wheel.ts';
import { createPipeline, type Pipeline, type PipelineLimits } from './pipeline.ts';
import type { SessionCondition } from './rpc-errors.ts';
import type { SessionReports } from './session-reports.ts';
import { SideLinks } from './side-links.ts';
import type { UpdateLoop } from './updates.ts';

export interface AccountSessionOptions {
  readonly telegram: TelegramEnvironment;
  readonly guard: LeaseGuard;
  readonly dataCenter: number;
  readonly authKey: Buffer;
  readonly egress: Egress;
  readonly accountId: string;
  /** From accountTag. */
  readonly accountTag: string;
  readonly application: Application;
  readonly breakers: Breakers;
  readonly gate: FloodGate;
  readonly reports: SessionReports;
  /** Of the process. */
  readonly pings: PingWheel;
  /** Loaded already; whoever made it closes it. */
  readonly updates?: UpdateLoop;
  /** Telegram moved the account: the new key must be kept before it is used. */
  readonly keyMoved: (dataCenter: number, authKey: Buffer) => Promise<void>;
  readonly onState?: (state: ConnectionState) => void;
  readonly clock: Clock;
  /** Evenly from [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly connectTimeoutMs?: number;
}

const CONNECT_TIMEOUT_MS = 15_000;
const MOST_MIGRATIONS = 2;

/**
 * An account on Telegram for as long as its lease is held: its connection, its calls through the pipeline, its
 * updates, and where Telegram moves it. Gone at once when the lease is lost.
 */
export class AccountSession {
  readonly #options: AccountSessionOptions;
  readonly #parts: LastingLinkParts;
  readonly #link: LastingLink;
  readonly #pipeline: Pipeline;
  readonly #sides: SideLinks;
  #moving: Promise<void> | undefined;

  constructor(options: AccountSessionOptions) {
    this.#options = options;
    const { connectTimeoutMs = CONNECT_TIMEOUT_MS, dataCenter, authKey, egress } = options;
    const { telegram, guard, application, breakers, pings, clock, random, log } = options;
    this.#parts = { telegram, guard, application, breakers, pings, clock, random, log, connectTimeoutMs };
    const events = {
      up: (link: Link) => this.#up(link),
      down: () => options.updates?.disconnected(),
      keyUnknown: () => this.#condition('needs_login', 'AUTH_KEY_UNKNOWN'),
      state: (state: ConnectionState) => this.#stateChanged(state),
    };
    this.#link = new LastingLink(this.#parts, events, { dataCenter, authKey }, egress);
    const reports: SessionReports = {
      floodWait: (wait) => options.reports.floodWait(wait),
      condition: (condition, telegramError) => this.#condition(condition, telegramError),
    };
    const { gate, accountId, accountTag } = options;
    const parts = { guard, gate, reports, accountId, accountTag, clock, random: () => random(), log };
    this.#pipeline = createPipeline({ ...parts, links: this.#link });
    this.#sides = new SideLinks({
      parts,
      enter: (at) => this.#enter(at),
      open: (at, { egress: by }, limits) => this.#openSide(at, by, limits),
      exportTo: (dcId, limits) => this.#pipeline.call(new Api.auth.ExportAuthorization({ dcId }), limits),
    });
  }

  get state(): ConnectionState {
    return this.#link.state;
  }

  get dataCenter(): number {
    return this.#link.home.dataCenter;
  }

  /** Calls that have no answer yet. */
  get running(): number {
    return this.#pipeline.running + this.#sides.running;
  }

  /** Begins to connect, and goes on until `close`, a refusal of the key, or the end of the lease. */
  start(): void {
    this.#link.start();
  }

  /** Rejects with a DomainError. */
  async call<R extends Api.AnyRequest>(request: R, limits: PipelineLimits): Promise<R['__response']> {
    const { clock, updates } = this.#options;
    const until = clock.monotonic() + limits.deadlineMs;
    const left = (): PipelineLimits => ({ ...limits, deadlineMs: until - clock.monotonic() });
    let pipeline = this.#pipeline;
    for (let migrations = 0; ; migrations += 1) {
      try {
        const answer: R['__response'] = await pipeline.call(request, migrations === 0 ? limits : left());
        updates?.answered(request, answer);
        return answer;
      } catch (error) {
        if (!(error instanceof MigrateTo)) throw error;
        if (migrations === MOST_MIGRATIONS) throw this.#unreachable(error);
        pipeline = await this.#follow(error, left());
      }
    }
  }

  /** From now on by another way out; the socket there is closes first. */
  useEgress(egress: Egress): void {
    void this.#sides.close();
    this.#link.change({ egress });
  }

  /** Resolves when no socket is left. */
  async close(): Promise<void> {
    this.#link.stop(new GoingAway());
    await this.#sides.close();
    await this.#link.finished();
  }

  #up(link: Link): void {
    const { updates } = this.#options;
    if (!updates) return;
    link.onUpdates((raw) => updates.receive(raw));
    updates.connected((request, limits) => this.#pipeline.call(request, limits));
  }

  #stateChanged(state: ConnectionState): void {
    if (state === 'closed') void this.#sides.close();
    this.#options.onState?.(state);
  }

  #condition(condition: SessionCondition, telegramError: string): void {
    const { reports, accountId } = this.#options;
    reports.condition(condition, telegramError);
    // A limited or frozen account may still be looked at; for the others it is over on this key.
    if (condition === 'limited' || condition === 'frozen') return;
    const isBanned = condition === 'banned';
    this.#link.stop(
      isBanned
        ? new AccountBanned(accountId, 'banned', telegramError)
        : new NeedsLogin(accountId, telegramError),
    );
  }

  async #follow({ dataCenter, kind }: MigrateTo, limits: CallLimits): Promise<Pipeline> {
    if (limits.deadlineMs <= 0) throw new DeadlineExceeded();
    if (!this.#options.telegram.dataCenters.has(dataCenter)) throw this.#unreachable();
    // A second connection on the session's own key would kill it.
    if (dataCenter === this.dataCenter) return this.#pipeline;
    if (kind === 'file') return this.#sides.to(dataCenter);
    this.#moving ??= this.#move(dataCenter, limits).finally(() => (this.#moving = undefined));
    await this.#moving;
    return this.#pipeline;
  }

  /** The account lives elsewhere now: a key there is authorised, kept, and takes the old one's place. */
  async #move(dataCenter: number, limits: CallLimits): Promise<void> {
    const { log, keyMoved } = this.#options;
    const authKey = await this.#sides.keyAt(dataCenter, limits);
    await keyMoved(dataCenter, authKey);
    log.info({ event: 'session_moved', dataCenter }, 'Telegram moved the account to another data centre');
    const before = this.#link.link;
    this.#link.change({ home: { dataCenter, authKey } });
    await before?.closed;
  }

  #openSide(dataCenter: number, egress: Egress, limits: CallLimits): Promise<Link> {
    const { telegram, application, clock, log, connectTimeoutMs, guard } = this.#parts;
    const timeoutMs = Math.min(connectTimeoutMs, limits.deadlineMs, guard.remainingMs());
    const options = { telegram, dataCenter, egress, application, connectTimeoutMs: timeoutMs, clock, log };
    return openLink({ ...options, guard, signal: limits.signal });
  }

  #enter(dataCenter: number): Route {
    const { breakers, guard } = this.#options;
    return breakers.enter(String(guard.sessionId), { egress: this.#link.route.egress, dataCenter });
  }

  #unreachable(cause?: unknown): TelegramUnreachable {
    const { dataCenter } = this.#link.route;
    return new TelegramUnreachable({ dataCenter }, { sent: false, cause });
  }
}

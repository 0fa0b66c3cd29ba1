import { randomUUIDv7 } from 'node:crypto';
import { pause, type Timer } from '#lib/lifecycle/clock.ts';
import { Cancelled, DeadlineExceeded, NotFound } from '#lib/rpc/errors.ts';
import type { Api } from '#lib/telegram/client.ts';
import { safeMessage } from '#lib/telemetry/safe-error.ts';
import { claimLogin, releaseClaim, renewClaim, type ClaimedLogin, type LoginName } from './claim.ts';
import { LoginTakenOver } from './errors.ts';
import type { Logins, StepLimits } from './logins.ts';
import { openSecrets, sealSecrets, type LoginSecrets } from './secrets.ts';
import { changeLogin, type LoginChanges } from './store.ts';
import type { LoginRow } from './tables.ts';
import { TelegramConnection } from './telegram-connection.ts';
import type { LoginKey } from '#lib/telegram/login-connection.ts';

/** How often a call looks whether the one before it is done with the login. */
const LOOK_EVERY_MS = 50;
/** Between the end of this process's work and the moment when another may begin, for sockets to close. */
const MARGIN_SHARE = 0.3;

/**
 * A login that this step alone works on. Its claim is renewed until it is let go; when it is lost, the connection
 * is closed before another process may begin, and nothing more is written.
 */
export class HeldLogin {
  readonly logins: Logins;
  readonly limits: StepLimits;
  readonly #worker: { readonly id: string; readonly ttlMs: number };
  readonly #lost = new AbortController();
  readonly #wanted = new AbortController();
  #row: LoginRow;
  #connection: TelegramConnection | undefined;
  #renewal: Timer | undefined;
  #expiry: Timer | undefined;
  #renewing: Promise<void> = Promise.resolve();
  #isOver = false;

  constructor(logins: Logins, limits: StepLimits, row: ClaimedLogin, workerId: string, claimedAt: number) {
    const { is_expired: _, ...own } = row;
    this.logins = logins;
    this.limits = limits;
    this.#row = own;
    this.#worker = { id: workerId, ttlMs: logins.settings.claimTtlMs };
    this.#holdUntil(claimedAt);
    this.#renewSoon();
  }

  get row(): LoginRow {
    return this.#row;
  }

  /** Aborts when another process may work on the login: then it is none of ours. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Aborts when another call waits for the login. */
  get wanted(): AbortSignal {
    return this.#wanted.signal;
  }

  get secrets(): LoginSecrets | undefined {
    return openSecrets(this.logins.masterKeys, this.#row);
  }

  async change(changes: LoginChanges): Promise<LoginRow> {
    this.#check();
    const { database } = this.logins;
    const row = await changeLogin(database.kysely, this.#row.login_id, this.#worker.id, changes);
    return this.changed(row);
  }

  /** Takes over a row that changeLogin wrote in a transaction with other things. */
  changed(row: LoginRow | undefined): LoginRow {
    if (!row) throw this.#takenOver();
    this.#row = row;
    return row;
  }

  get workerId(): string {
    return this.#worker.id;
  }

  /** The connection to Telegram, under the login's key; opened when it is first asked for. */
  connection(): TelegramConnection {
    this.#check();
    this.#connection ??= new TelegramConnection(this, (key) => this.#keep(key));
    return this.#connection;
  }

  call<R extends Api.AnyRequest>(request: R): Promise<R['__response']> {
    return this.connection().call(request);
  }

  async keepCodeHash(phoneCodeHash: string, changes: LoginChanges): Promise<LoginRow> {
    const { key } = this.secrets!;
    return this.change({ ...this.#sealed({ key, phoneCodeHash }), ...changes });
  }

  /** Resolves after the socket's close event: from then on the key may be used elsewhere. */
  async closeConnection(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close();
  }

  async letGo(): Promise<void> {
    this.#isOver = true;
    this.#renewal?.cancel();
    await this.#renewing;
    await this.closeConnection();
    this.#expiry?.cancel();
    const { login_id: loginId } = this.#row;
    try {
      await releaseClaim(this.logins, loginId, this.#worker.id);
    } catch (error) {
      // It ends by itself: whoever goes on waits a little longer.
      this.logins.log.warn(
        { event: 'login_release_failed', loginId, problem: safeMessage(error) },
        'a login could not be let go',
      );
    }
  }

  async #keep(key: LoginKey): Promise<void> {
    // The hash goes along: Telegram moves a login with the code that was sent.
    const phoneCodeHash = this.secrets?.phoneCodeHash ?? '';
    await this.change(this.#sealed({ key, phoneCodeHash }));
  }

  #sealed(secrets: LoginSecrets): LoginChanges {
    return sealSecrets(this.logins.masterKeys, this.#row, secrets);
  }

  #holdUntil(since: number): void {
    const { clock } = this.logins;
    const untilMs = since + this.#worker.ttlMs * (1 - MARGIN_SHARE) - clock.monotonic();
    this.#expiry?.cancel();
    this.#expiry = clock.setTimer(untilMs, () => {
      this.#lose();
    });
  }

  #renewSoon(): void {
    if (this.#isOver || this.#lost.signal.aborted) return;
    this.#renewal = this.logins.clock.setTimer(this.#worker.ttlMs / 5, () => {
      this.#renewing = this.#renew().finally(() => this.#renewSoon());
    });
  }

  async #renew(): Promise<void> {
    const sentAt = this.logins.clock.monotonic();
    try {
      const renewed = await renewClaim(this.logins, this.#row.login_id, this.#worker);
      if (!renewed) return this.#lose();
      this.#holdUntil(sentAt);
      if (renewed.isWanted) this.#wanted.abort();
      const connection = this.#connection;
      // The next call opens another, on whichever proxy it is then.
      if (connection && !(await connection.renew()) && this.#connection === connection)
        this.#connection = undefined;
    } catch (error) {
      // Until the expiry's timer fires, it is tried again.
      this.logins.log.warn(
        { event: 'login_renewal_failed', loginId: this.#row.login_id, problem: safeMessage(error) },
        'a login under way could not be renewed',
      );
    }
  }

  #lose(): void {
    if (this.#lost.signal.aborted) return;
    this.#lost.abort(this.#takenOver());
    void this.#connection?.close();
  }

  #check(): void {
    if (this.#lost.signal.aborted) throw this.#takenOver();
  }

  #takenOver(): LoginTakenOver {
    return new LoginTakenOver(this.#row.login_id);
  }
}

/**
 * Runs a step on a login that no other step works on, after those before it. A login whose time is over is ended
 * first, so that the step finds it ended.
 */
export async function withLogin<T>(
  logins: Logins,
  name: LoginName,
  limits: StepLimits,
  step: (held: HeldLogin, claimed: ClaimedLogin) => Promise<T>,
): Promise<T> {
  const held = await hold(logins, name, limits);
  try {
    return await step(held.login, held.claimed);
  } finally {
    await held.login.letGo();
  }
}

async function hold(
  logins: Logins,
  name: LoginName,
  limits: StepLimits,
): Promise<{ login: HeldLogin; claimed: ClaimedLogin }> {
  const worker = { id: randomUUIDv7(), ttlMs: logins.settings.claimTtlMs };
  const { clock } = logins;
  for (;;) {
    const claimedAt = clock.monotonic();
    const claimed = await claimLogin(logins, name, worker);
    if (!claimed) throw new NotFound('login', name.loginId);
    if (claimed !== 'taken')
      return { login: new HeldLogin(logins, limits, claimed, worker.id, claimedAt), claimed };
    if (limits.signal.aborted) throw new Cancelled();
    if (limits.remainingMs() <= LOOK_EVERY_MS) throw new DeadlineExceeded();
    await pause(clock, LOOK_EVERY_MS, limits.signal);
  }
}

import type { Span } from '@opentelemetry/api';
import type { Route } from '#lib/telegram/breakers.ts';
import { measureCall, measureWait, telegramTracer } from '#lib/telegram/call-measures.ts';
import { failCallSpan, outcomeOf } from '#lib/telegram/call-outcome.ts';
import type { Api } from '#lib/telegram/client.ts';
import { DialError, egressKey } from '#lib/telegram/egress.ts';
import { TelegramRefused, TelegramUnreachable } from '#lib/telegram/errors.ts';
import { LoginConnection, type LoginKey } from '#lib/telegram/login-connection.ts';
import { methodOf, type Method } from '#lib/telegram/method.ts';
import { findAccount } from '../accounts/store.ts';
import { checkPhoneWait, keepPhoneWait } from './phone-waits.ts';
import { PhoneMustWait } from './errors.ts';
import type { HeldEgress } from './egress.ts';
import type { HeldLogin } from './held-login.ts';

const CONNECT_LIMIT_MS = 10_000;
/** No answer in this time is no answer, however long the caller would wait. */
const CALL_LIMIT_MS = 20_000;
/** What Telegram's refusal of a phone without a time is taken for. */
const COOL_DOWN_SECONDS = 3_600;

interface Opened {
  readonly connection: LoginConnection;
  readonly held: HeldEgress;
}

/** A login's way to Telegram: its proxy, the breakers on it, the waits of its phone; each call is a span. */
export class TelegramConnection {
  readonly #login: HeldLogin;
  readonly #keep: (key: LoginKey) => Promise<void>;
  #opened: Promise<Opened> | undefined;
  #route: Route | undefined;
  #isClosed = false;
  onUpdates: ((updates: Api.TypeUpdates) => void) | undefined;
  /** Nothing comes any more: the connection broke, or was closed with its place on the proxy. */
  onLost: (() => void) | undefined;

  constructor(login: HeldLogin, keep: (key: LoginKey) => Promise<void>) {
    this.#login = login;
    this.#keep = keep;
  }

  /** Rejects with a DomainError; TelegramRefused where the step is to see what Telegram said. */
  async call<R extends Api.AnyRequest>(request: R): Promise<R['__response']> {
    const { logins, row } = this.#login;
    const method = methodOf(request);
    logins.applicationStop.check();
    const phoneCall = { environment: row.environment, phone: row.phone, method: limitedMethod(method.name) };
    if (row.phone !== '') await checkPhoneWait(logins, phoneCall);
    const startedAt = logins.clock.monotonic();
    const span = telegramTracer.startSpan(method.name, method.spanOptions);
    try {
      const { connection, held } = await (this.#opened ??= this.#open());
      const route = this.#enter(held, connection.dataCenter);
      route.check();
      span.setAttributes({
        'telegram.data_center': connection.dataCenter,
        'telegram.egress': egressKey(held.egress),
        'telegate.login_id': row.login_id,
      });
      const answer = await connection.call(request, this.#limits());
      route.succeeded();
      measureCall(method, 'ok', logins.clock.monotonic() - startedAt);
      return answer;
    } catch (error) {
      const thrown = await this.#failed(error, method, phoneCall, span);
      measureCall(method, outcomeOf(thrown, span), logins.clock.monotonic() - startedAt);
      throw thrown;
    } finally {
      span.end();
    }
  }

  async moveTo(dataCenter: number): Promise<void> {
    const { connection } = await (this.#opened ??= this.#open());
    await connection.moveTo(dataCenter);
  }

  /** False when the place on the proxy is lost; then the connection is closed. */
  async renew(): Promise<boolean> {
    if (!this.#opened || this.#isClosed) return true;
    const { held } = await this.#opened;
    if (await held.renew()) return true;
    await this.close();
    this.onLost?.();
    return false;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const opened = await this.#opened?.catch(() => undefined);
    this.#route?.leave();
    if (!opened) return;
    await opened.connection.close();
    await opened.held
      .letGo()
      .catch((error: unknown) =>
        this.#login.logins.log.warn(
          { event: 'egress_release_failed', err: error },
          'a place on a proxy is kept until it ends by itself',
        ),
      );
  }

  async #open(): Promise<Opened> {
    const login = this.#login;
    const { logins, row, limits, secrets } = login;
    const { environment, application } = logins.telegram;
    const { tenant_id: tenantId, account_id: accountId } = row;
    const account =
      accountId === null ? undefined : await findAccount(logins.database.kysely, tenantId, { accountId });
    const proxyId = row.proxy_id ?? '';
    // A login that began through a proxy never goes on without one.
    const allowDirect = proxyId === '' && (account?.allow_direct ?? false);
    const held = await logins.egress.resolve(
      { tenantId, accountId: accountId ?? '', proxyId, allowDirect },
      limits,
    );
    try {
      const { egress } = held;
      // From here on the login keeps to it: Telegram is wary of logins that hop.
      if (egress.kind === 'socks5' && row.proxy_id !== egress.proxyId)
        await login.change({ proxy_id: egress.proxyId });
      const connection = new LoginConnection({
        telegram: environment,
        egress,
        application,
        ...(secrets ? { key: secrets.key } : {}),
        keyMade: this.#keep,
        clock: logins.clock,
        log: logins.log,
        connectTimeoutMs: CONNECT_LIMIT_MS,
      });
      connection.onUpdates = (updates) => this.onUpdates?.(updates);
      connection.onLost = () => this.onLost?.();
      return { connection, held };
    } catch (error) {
      await held.letGo();
      throw error;
    }
  }

  #enter({ egress }: HeldEgress, dataCenter: number): Route {
    if (this.#route?.dataCenter === dataCenter) return this.#route;
    const { logins, row } = this.#login;
    this.#route?.leave();
    this.#route = logins.telegram.breakers.enter(row.login_id, { egress, dataCenter });
    return this.#route;
  }

  #limits(): { deadlineMs: number; signal: AbortSignal } {
    const { limits, lost } = this.#login;
    return { deadlineMs: Math.min(limits.remainingMs(), CALL_LIMIT_MS), signal: lost };
  }

  async #failed(
    error: unknown,
    method: Method,
    call: { environment: string; phone: string; method: string },
    span: Span,
  ): Promise<unknown> {
    const thrown = await this.#understood(error, method, call);
    failCallSpan(span, thrown, outcomeOf(thrown, span));
    if (error instanceof TelegramRefused) span.setAttribute('telegram.error', error.telegramError.type);
    return thrown;
  }

  async #understood(
    error: unknown,
    method: Method,
    call: { environment: string; phone: string; method: string },
  ): Promise<unknown> {
    const route = this.#route;
    const { logins } = this.#login;
    if (error instanceof TelegramUnreachable) {
      const { cause, sent } = error;
      const blame = cause instanceof DialError ? cause.blame : 'either';
      route?.failed(blame);
      return route && blame === 'proxy' && route.egress.kind === 'socks5'
        ? new TelegramUnreachable({ egress: route.egress }, { sent, cause })
        : error;
    }
    if (!(error instanceof TelegramRefused)) return error;
    const { verdict, telegramError } = error;
    if (verdict.kind === 'trouble') {
      route?.troubled();
      return new TelegramUnreachable({ dataCenter: route?.dataCenter ?? 0 }, { sent: true, cause: error });
    }
    route?.succeeded();
    if (verdict.kind === 'wait') {
      measureWait(method, verdict.wait, verdict.seconds);
      await this.#keepWait(call, telegramError.type, verdict.seconds);
      return new PhoneMustWait(call.method, verdict.seconds);
    }
    if (verdict.kind === 'login' && verdict.step === 'logins_stop')
      return logins.applicationStop.refused(telegramError.type);
    if (verdict.kind === 'login' && verdict.step === 'cool_down') {
      // That there is no other way to send a code says nothing against asking for a new one.
      if (telegramError.type !== 'SEND_CODE_UNAVAILABLE')
        await this.#keepWait(call, telegramError.type, COOL_DOWN_SECONDS);
      error.retryAfterMs = COOL_DOWN_SECONDS * 1_000;
    }
    return error;
  }

  async #keepWait(
    call: { environment: string; phone: string; method: string },
    telegramError: string,
    seconds: number,
  ): Promise<void> {
    if (call.phone !== '') await keepPhoneWait(this.#login.logins, call, { telegramError, seconds });
  }
}

/** Telegram counts both ways to have a code sent as one. */
function limitedMethod(name: string): string {
  return name === 'auth.resendCode' ? 'auth.sendCode' : name;
}

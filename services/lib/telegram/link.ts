import type { Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { Api } from './client.ts';
import type { Egress } from './egress.ts';
import type { TelegramEnvironment } from './environment.ts';
import type { LeaseGuard } from './guard.ts';

export interface CallLimits {
  /** Milliseconds left; the call ends with CallTimedOut after them. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

/**
 * One socket and one MTProto session under one key. It holds no policy: it does not reconnect, wait out a
 * flood, retry a call or follow a migration.
 */
export interface Link {
  readonly dataCenter: number;
  /** 256 bytes; made by the key exchange when none was given. */
  readonly authKey: Buffer;
  /** Calls sent or queued that have no answer yet. */
  readonly pending: number;
  /** Rejects with RawRpcError, LinkClosed, CallTimedOut, CallAborted or CallUnreadable; it never hangs. */
  invoke<R extends Api.AnyRequest>(request: R, limits: CallLimits): Promise<R['__response']>;
  /** The time a ping took. The server closes the socket itself when none comes for 75 s after one. */
  ping(limits: CallLimits): Promise<number>;
  /** Raw and in order. Updates that could not be read come as `updatesTooLong`. One listener. */
  onUpdates(listener: (updates: Api.TypeUpdates) => void): void;
  /** Resolves after the socket's close event, with why. */
  readonly closed: Promise<LinkEnd>;
  /** Every pending call settles; resolves after the socket's close event. */
  close(): Promise<void>;
}

export type LinkEnd =
  | { readonly reason: 'closed' } // by close()
  | { readonly reason: 'lost'; readonly blame: Blame } // the socket ended or failed
  | { readonly reason: 'key-unknown' } // transport error -404
  | { readonly reason: 'refused'; readonly transportCode: number } // -429, -444 and others
  | { readonly reason: 'protocol' }; // what came can not be MTProto under this key

export type Blame = 'proxy' | 'data-center';

/** What the application tells of itself on the first call of a link. */
export interface Application {
  readonly deviceModel: string;
  readonly systemVersion: string;
  readonly appVersion: string;
  readonly langCode: string;
  readonly systemLangCode: string;
}

export interface LinkOptions {
  readonly telegram: TelegramEnvironment;
  readonly dataCenter: number;
  /** Absent: a key exchange makes one. */
  readonly authKey?: Buffer;
  readonly egress: Egress;
  readonly application: Application;
  /** For dialling and, where there is no key, the exchange. */
  readonly connectTimeoutMs: number;
  readonly signal?: AbortSignal;
  /** Looked at once more before anything is written: past its time the socket is closed instead. */
  readonly guard?: Pick<LeaseGuard, 'remainingMs'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** An rpc_error as Telegram sent it. */
export class RawRpcError extends Error {
  override readonly name = 'RawRpcError';
  readonly code: number;
  readonly text: string;

  constructor(code: number, text: string) {
    super(`Telegram refused the call: ${text} (${code})`);
    this.code = code;
    this.text = text;
  }
}

/** The link ended before the answer came; whether Telegram carried out the call is not known if it was `sent`. */
export class LinkClosed extends Error {
  override readonly name = 'LinkClosed';
  readonly end: LinkEnd;
  readonly sent: boolean;

  constructor(end: LinkEnd, sent: boolean) {
    super(`The connection to Telegram ended (${end.reason}) before the answer came.`);
    this.end = end;
    this.sent = sent;
  }
}

export class CallTimedOut extends Error {
  override readonly name = 'CallTimedOut';
  readonly sent: boolean;

  constructor(sent: boolean) {
    super('Telegram did not answer in time.');
    this.sent = sent;
  }
}

export class CallAborted extends Error {
  override readonly name = 'CallAborted';
  readonly sent: boolean;

  constructor(sent: boolean) {
    super('The call was given up.');
    this.sent = sent;
  }
}

/** A request that can not be written, or an answer that can not be read, in the layer of the driver. */
export class CallUnreadable extends Error {
  override readonly name = 'CallUnreadable';
}

/** The key exchange did not end with a key. */
export class KeyExchangeFailed extends Error {
  override readonly name = 'KeyExchangeFailed';
  readonly why: 'unknown-rsa-key' | 'protocol';

  constructor(why: 'unknown-rsa-key' | 'protocol', detail: string) {
    super(`The key exchange with Telegram failed: ${detail}`);
    this.why = why;
  }
}

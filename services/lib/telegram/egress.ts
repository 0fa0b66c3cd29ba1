import type { Blame } from './link.ts';

export interface Socks5Egress {
  readonly kind: 'socks5';
  readonly proxyId: string;
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
}

/** The way out to Telegram. */
export type Egress = { readonly kind: 'direct' } | Socks5Egress;

export const direct: Egress = { kind: 'direct' };

/** The name of a way out in breakers, metrics and logs: holds no address and no password. */
export function egressKey(egress: Egress): string {
  return egress.kind === 'direct' ? 'direct' : `proxy:${egress.proxyId}`;
}

/** Why no socket came about, and whose fault it is. */
export abstract class DialError extends Error {
  readonly blame: Blame;

  constructor(message: string, blame: Blame, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.blame = blame;
  }
}

export class DialTimeout extends DialError {
  constructor(blame: Blame, timeoutMs: number) {
    super(`${party(blame)} did not answer within ${timeoutMs} ms.`, blame);
  }
}

/** The address can not be reached, or closes the connection at once. */
export class DialRefused extends DialError {
  readonly systemCode: string | undefined;

  constructor(blame: Blame, systemCode: string | undefined) {
    super(`${party(blame)} can not be reached${systemCode ? ` (${systemCode})` : ''}.`, blame);
    this.systemCode = systemCode;
  }
}

export type ProxyRefusal =
  | 'credentials'
  | 'authentication-required'
  | 'not-socks5'
  | 'not-allowed'
  | 'failed';

/** The proxy answered, and would not carry the connection. */
export class ProxyRefused extends DialError {
  readonly refusal: ProxyRefusal;

  constructor(refusal: ProxyRefusal) {
    super(PROXY_REFUSALS[refusal], 'proxy');
    this.refusal = refusal;
  }
}

export class DialAborted extends Error {
  override readonly name = 'DialAborted';

  constructor() {
    super('Connecting was given up.');
  }
}

const PROXY_REFUSALS: Record<ProxyRefusal, string> = {
  credentials: "The proxy does not accept the user name and password. Correct the proxy's credentials.",
  'authentication-required': 'The proxy asks for a user name and password. Add them to the proxy.',
  'not-socks5': 'What answers at the address of the proxy does not speak SOCKS5.',
  'not-allowed': "The proxy's rules do not allow connections to Telegram.",
  failed: 'The proxy failed to connect.',
};

function party(blame: Blame): string {
  return blame === 'proxy' ? 'The proxy' : 'The data centre';
}

import type { TLSSocket } from 'node:tls';
import { detail, Refusal } from './answer.ts';
import type { Exchange } from './exchange.ts';

/** Names that clients of the older systems know. */
export type CookieName = 'access_token' | 'refresh_token';

/**
 * A browser sends cookies along with whatever any page asks of it. They count, and are set, only where the request
 * does not come from another site's page: by what the browser says of it, or by its Origin. Programs say neither.
 */
export function isOwnPage(exchange: Exchange): boolean {
  const site = exchange.header('sec-fetch-site');
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  const origin = exchange.header('origin');
  return origin === undefined || origin.replace(/^https?:\/\//i, '').toLowerCase() === hostOf(exchange);
}

function hostOf(exchange: Exchange): string | undefined {
  return (exchange.header(':authority') ?? exchange.header('host'))?.toLowerCase();
}

/** The cookie, where it may count; refused where it comes from another site's page. */
export function readCookie(exchange: Exchange, name: CookieName): string | undefined {
  const value = sentCookie(exchange, name);
  if (value === undefined || isOwnPage(exchange)) return value;
  throw new Refusal(
    detail(401, "The cookie of a login does not count on other sites' pages: send Authorization: Bearer …", {
      'www-authenticate': 'Bearer',
    }),
  );
}

function sentCookie(exchange: Exchange, name: CookieName): string | undefined {
  for (const pair of (exchange.header('cookie') ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at !== -1 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim() || undefined;
  }
  return undefined;
}

/** `set-cookie` headers; none for pages of others. An empty value takes the cookie away. */
export function cookieHeaders(
  exchange: Exchange,
  cookies: readonly { name: CookieName; value: string; maxAgeSeconds: number }[],
): { 'set-cookie'?: string[] } {
  if (!isOwnPage(exchange)) return {};
  const secure = isOverTls(exchange) ? '; Secure' : '';
  return {
    'set-cookie': cookies.map(
      ({ name, value, maxAgeSeconds }) =>
        `${name}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Lax${secure}`,
    ),
  };
}

/** By the gateway's own TLS, or by that of what stands before it: whoever makes this up only harms its own cookie. */
function isOverTls(exchange: Exchange): boolean {
  const { encrypted } = exchange.call.request.socket as Partial<TLSSocket>;
  return encrypted === true || exchange.header('x-forwarded-proto') === 'https';
}

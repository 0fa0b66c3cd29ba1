import type { Authenticated } from '#lib/auth/authenticate.ts';
import { publicAccess } from '#lib/rpc/access.ts';
import type { CallOptions } from '#lib/rpc/client-state.ts';
import { readCookie } from './cookies.ts';
import type { Exchange } from './exchange.ts';

/** Lets in who shows a token or a key: `Authorization`, else `X-API-Key`, else the cookie of a login. */
export async function admitCaller(exchange: Exchange, timeoutMs?: number): Promise<Authenticated> {
  const authenticated = await exchange.edge.authenticate({ get: credentialsOf(exchange) });
  exchange.admit(authenticated, timeoutMs);
  return authenticated;
}

/** Lets anybody in, as far as there is room. */
export function admitAnybody(exchange: Exchange): Authenticated {
  exchange.admit(publicAccess);
  return publicAccess;
}

function credentialsOf(exchange: Exchange): (name: string) => string | undefined {
  const token = exchange.header('authorization');
  if (token !== undefined) return (name) => (name === 'authorization' ? token : undefined);
  const key = exchange.header('x-api-key');
  if (key !== undefined && key !== '') return (name) => (name === 'x-api-key' ? key : undefined);
  const cookie = readCookie(exchange, 'access_token');
  return (name) => (name === 'authorization' && cookie !== undefined ? `Bearer ${cookie}` : undefined);
}

/** For calls into the mesh: in the caller's name, from where the caller is. */
export function forCaller(exchange: Exchange): CallOptions {
  const tenant = exchange.header('x-tenant-id');
  const address = exchange.call.request.socket.remoteAddress;
  return {
    parent: exchange.call,
    deadlineMs: exchange.call.remainingMs(),
    metadata: {
      ...(tenant === undefined ? {} : { 'x-tenant-id': tenant }),
      ...(address === undefined ? {} : { 'x-client-address': address }),
    },
  };
}

import { isIP } from 'node:net';
import type { MeshTokenVerifier } from '#lib/auth/mesh-token.ts';
import { EDGE_SERVICE } from '#lib/auth/scopes.ts';
import type { CallContext } from '#lib/rpc/implement.ts';

/**
 * Where a call comes from: the socket's address, or what the gateway says of its own caller. Public methods read
 * no credentials, so the gateway's token is looked at here; anybody else could write what it likes.
 */
export function callerAddress(tokens: MeshTokenVerifier): (ctx: CallContext) => Promise<string> {
  return async ({ metadata, peer }) => {
    const told = metadata.get('x-client-address');
    const token = /^Bearer +(\S+)$/i.exec(metadata.get('authorization') ?? '')?.[1];
    if (told !== undefined && isIP(told) !== 0 && token !== undefined && (await isEdge(tokens, token)))
      return told;
    return hostOf(peer);
  };
}

async function isEdge(tokens: MeshTokenVerifier, token: string): Promise<boolean> {
  try {
    return (await tokens.verify(token)).via === EDGE_SERVICE;
  } catch {
    // Somebody else's token: it says nothing about where the call is from.
    return false;
  }
}

/** `127.0.0.1:1234` and `::1:1234`, as grpc-js writes them. */
function hostOf(peer: string): string {
  const end = peer.lastIndexOf(':');
  const host = end === -1 ? peer : peer.slice(0, end);
  return isIP(host) === 0 && isIP(peer) !== 0 ? peer : host;
}

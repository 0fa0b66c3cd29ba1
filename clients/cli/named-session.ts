import type { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import type { Session } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { RpcError } from '#lib/rpc/status.ts';
import { Misuse } from './misuse.ts';
import type { Service } from './service.ts';

type Pool = Service<typeof SessionPoolService>;

/** Files are often named by a phone number, so digits can be an id or a name; `id:` and `name:` say which. */
export type SessionName = { id: bigint } | { name: string } | { either: string };

const LARGEST_ID = 2n ** 63n - 1n;

export function readSessionName(text: string): SessionName {
  if (text.startsWith('name:') && text.length > 5) return { name: text.slice(5) };
  const id = /^(?:id:)?(\d{1,19})$/.exec(text)?.[1];
  if (text.startsWith('id:') && (id === undefined || BigInt(id) === 0n || BigInt(id) > LARGEST_ID))
    throw new Misuse('id: must be followed by the number of a session, as telegate sessions list shows it.');
  if (text.startsWith('id:')) return { id: BigInt(id!) };
  if (text === '') throw new Misuse('The name of the session is empty.');
  return id === undefined || BigInt(id) === 0n || BigInt(id) > LARGEST_ID ? { name: text } : { either: id };
}

export async function findSession(pool: Pool, text: string): Promise<Session> {
  const named = readSessionName(text);
  if ('id' in named) return (await get(pool, { sessionId: named.id }))!;
  if ('name' in named) return (await get(pool, { name: named.name }))!;
  const [byId, byName] = await Promise.all([
    get(pool, { sessionId: BigInt(named.either) }).catch(unlessNotFound),
    get(pool, { name: named.either }).catch(unlessNotFound),
  ]);
  if (byId && byName && byId.sessionId !== byName.sessionId)
    throw new Misuse(
      `${named.either} is the id of one session and the name of another: write id:${named.either} or name:${named.either}.`,
    );
  return byId ?? byName ?? (await get(pool, { sessionId: BigInt(named.either) }))!;
}

async function get(
  pool: Pool,
  request: { sessionId: bigint } | { name: string },
): Promise<Session | undefined> {
  return (await pool.call((client) => client.getSession(request))).session;
}

function unlessNotFound(error: unknown): undefined {
  if (error instanceof RpcError && error.reason === ErrorReason.NOT_FOUND) return undefined;
  throw error;
}

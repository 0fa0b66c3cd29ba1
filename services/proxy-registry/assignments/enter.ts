import { AssignmentState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import type { Registry } from '../registry.ts';
import type { RegistryTransaction } from '../tables.ts';
import { settle } from './model.ts';
import { openTurn } from './turn.ts';

/** A session that is new in the pool. Its proxy is sought at once, so that its owner sees where it will be. */
export async function enterSession(
  trx: RegistryTransaction,
  registry: Pick<Registry, 'settings' | 'random'>,
  session: { tenantId: string; sessionId: bigint; accountId: string | null },
): Promise<void> {
  const turn = await openTurn(trx, registry, [session], (_, place) => place.proxyId === null);
  const place = turn.placeOf(session);
  const room = turn.roomOf(session.tenantId);
  // Of a tenant without proxies nothing is to be said until the session connects.
  if (room.hasProxies && place.state !== AssignmentState.DIRECT) settle(room, place);
  await turn.save();
}

/** The account of a session from a file became known: its place is the account's from now on. */
export async function linkAccount(
  trx: RegistryTransaction,
  registry: Pick<Registry, 'settings' | 'random'>,
  session: { tenantId: string; sessionId: bigint; accountId: string },
): Promise<void> {
  const turn = await openTurn(trx, registry, [session], () => false);
  await turn.save();
}

/** A session that left the pool. An account keeps its proxy: it comes back with another session. */
export async function leaveSession(
  trx: RegistryTransaction,
  registry: Pick<Registry, 'settings' | 'random'>,
  session: { tenantId: string; sessionId: bigint },
): Promise<void> {
  const question = { ...session, accountId: null };
  const turn = await openTurn(trx, registry, [question], () => false);
  const place = turn.placeOf(question);
  if (place.accountId === null) turn.remove(place);
  else place.sessionId = null;
  await turn.save();
}

/** An account that its owner deleted: its place is somebody else's. */
export async function leaveAccount(
  trx: RegistryTransaction,
  registry: Pick<Registry, 'settings' | 'random'>,
  account: { tenantId: string; accountId: string },
): Promise<void> {
  const question = { ...account, sessionId: null };
  const turn = await openTurn(trx, registry, [question], () => false);
  turn.remove(turn.placeOf(question));
  await turn.save();
}

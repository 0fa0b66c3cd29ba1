import { randomUUIDv7 } from 'node:crypto';
import { AssignmentState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import { SecretUndecryptable } from '#lib/secrets/errors.ts';
import { moveTo, wayOut, type Way } from '../assignments/model.ts';
import { movesAtEachConnection, isDown } from '../assignments/seats.ts';
import { openTurn, type Question, type Turn } from '../assignments/turn.ts';
import { NoEgress } from '../errors.ts';
import { addressFault } from '#lib/network/address.ts';
import type { ProxyRow } from '../proxies/model.ts';
import { openPassword, readSealedPasswords, type StoredPassword } from '../proxies/passwords.ts';
import { readProxies } from '../proxies/store.ts';
import type { Registry } from '../registry.ts';
import { openHolds, type NewHold } from './holds.ts';

/** Who wants to dial. An account and a session that are both null are a login that begins. */
export interface EgressRequest extends Question {
  readonly allowDirect: boolean;
  readonly processId: string;
}

export interface GrantedEgress {
  /** None: direct. */
  readonly proxy?: ProxyRow;
  readonly password?: string;
  readonly holdId: string;
  readonly expireTime: Date;
}

export type EgressOutcome = { egress: GrantedEgress } | { error: DomainError };

type Decision = { hold: NewHold } | { error: DomainError };

/** All of them in one transaction; each that is answered holds its place from the same moment. */
export async function resolveAll(
  registry: Registry,
  requests: readonly EgressRequest[],
): Promise<EgressOutcome[]> {
  return transaction(registry.database, async (trx) => {
    const turn = await openTurn(trx, registry, requests, (_question, place, held, seat) =>
      held ? false : seat === undefined || isDown(seat) || movesAtEachConnection(place.policy),
    );
    const decisions = requests.map((request) => decide(turn, request));
    await turn.save();
    const holds = decisions.flatMap((decision) => ('hold' in decision ? decision.hold : []));
    const expireTime = holds.length > 0 ? await openHolds(trx, holds) : new Date(0);
    const proxyIds = [...new Set(holds.flatMap(({ proxyId }) => proxyId ?? []))];
    const proxies = new Map((await readProxies(trx, proxyIds)).map((row) => [row.proxy_id, row]));
    const passwords = await readSealedPasswords(trx, proxyIds);
    return decisions.map((decision, index) => {
      if ('error' in decision) return decision;
      const { holdId, proxyId } = decision.hold;
      if (proxyId === null) return { egress: { holdId, expireTime } };
      const proxy = proxies.get(proxyId)!;
      const credentials = credentialsOf(registry, proxy, passwords.get(proxyId));
      if ('fault' in credentials)
        return { error: new NoEgress(requests[index]!.sessionId, credentials.fault) };
      return { egress: { proxy, password: credentials.password, holdId, expireTime } };
    });
  });
}

/** The password to dial with, or why the proxy is not to be dialled: what holds for one account is nobody else's. */
function credentialsOf(
  { settings, masterKeys }: Registry,
  { pinned_address: address }: ProxyRow,
  sealed: StoredPassword | undefined,
): { password: string } | { fault: string } {
  // What the operator allowed may have changed since the proxy was written.
  const fault = addressFault(address, settings.privateAddresses);
  if (fault !== undefined) return { fault: `The address of its proxy ${fault}.` };
  try {
    return { password: sealed ? openPassword(masterKeys, sealed) : '' };
  } catch (error) {
    if (!(error instanceof SecretUndecryptable)) throw error;
    return { fault: 'The password of its proxy can not be decrypted: write it again with UpdateProxy.' };
  }
}

function decide(turn: Turn, request: EgressRequest): Decision {
  const { tenantId, processId, accountId, sessionId } = request;
  const isLogin = accountId === null && sessionId === null;
  const room = turn.roomOf(tenantId);
  const place = turn.placeOf(request);
  try {
    const way = wayOut(room, place, request, turn.holdingOf(place));
    const assignmentId = isLogin ? null : place.assignmentId;
    // A login takes no place on its proxy before there is an account.
    if (isLogin) moveTo(room, place, undefined, AssignmentState.UNSPECIFIED);
    return { hold: { holdId: randomUUIDv7(), tenantId, processId, assignmentId, proxyId: proxyOf(way) } };
  } catch (error) {
    if (isLogin) moveTo(room, place, undefined, AssignmentState.UNSPECIFIED);
    if (!(error instanceof DomainError)) throw error;
    return { error };
  }
}

function proxyOf(way: Way): string | null {
  return way === 'direct' ? null : way.proxyId;
}

import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  AssignmentSchema,
  AssignmentState,
  type Assignment,
  type AssignmentPolicy,
} from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import type { DomainError } from '#lib/rpc/errors.ts';
import { NotFound, QuotaExceeded } from '#lib/rpc/errors.ts';
import { EgressInUse, NoEgress } from '../errors.ts';
import { choose, fits, hasRoom, isDown, movesAtEachConnection, type Seat } from './seats.ts';

/** An account and where it is, as it stands while the tenant's turn is held. */
export interface Place {
  readonly assignmentId: string;
  readonly tenantId: string;
  accountId: string | null;
  sessionId: bigint | null;
  proxyId: string | null;
  state: AssignmentState;
  policy: AssignmentPolicy;
  labels: Readonly<Record<string, string>>;
  country: string;
  allowDirect: boolean;
  assignTime: Date;
}

/** A hold that lives. */
export interface Holding {
  readonly proxyId: string | null;
  readonly processId: string;
  readonly expireTime: Date;
}

export interface Wish {
  /** Named; then policy and fit are only kept for later. */
  readonly proxyId?: string;
  readonly policy?: AssignmentPolicy;
  readonly fit?: { labels: Readonly<Record<string, string>>; country: string };
}

/** What is known when a place is decided; `seatOf` and `candidates` show what was decided before it. */
export interface Room {
  readonly settings: { whenDown: 'wait' | 'replace'; allowDirect: boolean; defaultProxyId?: string };
  seatOf(proxyId: string): Seat | undefined;
  /** Those that fit the place, best first, enough of them. */
  candidates(place: Place): readonly Seat[];
  readonly random: () => number;
  lastOrdinal: bigint;
  readonly now: Date;
  /** The tenant has a proxy, whatever it is worth. */
  readonly hasProxies: boolean;
}

export type Way = { proxyId: string } | 'direct';

function seatName(place: Place): string {
  return place.sessionId === null ? `account ${place.accountId}` : `session ${place.sessionId}`;
}

/** Moves a place to a proxy, or to none; the seats' counts follow. */
export function moveTo(room: Room, place: Place, seat: Seat | undefined, otherwise: AssignmentState): void {
  const state = seat ? AssignmentState.ASSIGNED : otherwise;
  if (place.proxyId === (seat?.proxyId ?? null) && place.state === state) return;
  const before = place.proxyId === null ? undefined : room.seatOf(place.proxyId);
  if (before) before.assigned -= 1;
  if (seat) seat.assigned += 1;
  place.proxyId = seat?.proxyId ?? null;
  place.state = state;
  place.assignTime = room.now;
}

/** A proxy by the place's own policy; undefined: none has room. Takes no place on it. */
export function choosePlace(room: Room, place: Place, current?: Seat): Seat | undefined {
  // Down or not: where it goes is said, and there it waits.
  const preferred = room.settings.defaultProxyId && room.seatOf(room.settings.defaultProxyId);
  if (preferred && place.proxyId === null && hasRoom(preferred) && fits(preferred, place)) return preferred;
  const { policy } = place;
  const others = room.candidates(place);
  const stays = current !== undefined && fits(current, place) && !others.includes(current);
  const seat = choose(stays ? [...others, current] : others, {
    policy,
    lastOrdinal: room.lastOrdinal,
    random: room.random,
    current,
  });
  if (seat) room.lastOrdinal = seat.ordinal;
  return seat;
}

/** AssignProxy. Throws what the caller is told; then the place is as it was. */
export function assign(room: Room, place: Place, wish: Wish, holding: Holding | undefined): void {
  const before = { ...place };
  if (wish.policy !== undefined) place.policy = wish.policy;
  if (wish.fit) Object.assign(place, wish.fit);
  try {
    const current = place.proxyId === null ? undefined : room.seatOf(place.proxyId);
    const seat =
      wish.proxyId === undefined ? fitting(room, place, current) : named(room, wish.proxyId, current);
    if (holding && (holding.proxyId !== seat.proxyId || place.proxyId !== seat.proxyId))
      throw new EgressInUse(
        seatName(place),
        holding.processId,
        holding.expireTime,
        'Its way out does not change meanwhile: release the session, or wait.',
      );
    moveTo(room, place, seat, AssignmentState.WAITING);
  } catch (error) {
    Object.assign(place, before);
    throw error;
  }
}

function named(room: Room, proxyId: string, current: Seat | undefined): Seat {
  const seat = room.seatOf(proxyId);
  if (!seat) throw new NotFound('proxy', proxyId);
  if (seat !== current && !hasRoom(seat))
    throw new QuotaExceeded(
      'proxy_capacity',
      `The proxy has ${seat.capacity} accounts, and room for no more.`,
    );
  return seat;
}

function fitting(room: Room, place: Place, current: Seat | undefined): Seat {
  if (current && fits(current, place) && !isDown(current)) return current;
  const seat = choosePlace(room, place);
  if (seat) return seat;
  throw new QuotaExceeded(
    'proxy_capacity',
    'No proxy that works and fits has room for another account. Add proxies, raise a capacity, or ask for less.',
  );
}

/** SessionAdded, and a proxy that is deleted: a proxy where there is none, or a wait for one. */
export function settle(room: Room, place: Place): void {
  if (place.proxyId !== null) return;
  moveTo(room, place, choosePlace(room, place), AssignmentState.WAITING);
}

/** ResolveEgress. The way out now; throws NO_EGRESS when there is none. */
export function wayOut(
  room: Room,
  place: Place,
  wish: { proxyId?: string; allowDirect: boolean },
  holding: Holding | undefined,
): Way {
  if (holding) return holding.proxyId === null ? 'direct' : { proxyId: holding.proxyId };
  const mayGoDirect = place.allowDirect || wish.allowDirect;
  const current = place.proxyId === null ? undefined : room.seatOf(place.proxyId);
  if (current) return fromProxy(room, place, current, mayGoDirect);
  const seat = wish.proxyId === undefined ? choosePlace(room, place) : workingSeat(room, wish.proxyId);
  if (seat) {
    moveTo(room, place, seat, AssignmentState.WAITING);
    return isDown(seat) ? fromProxy(room, place, seat, mayGoDirect) : { proxyId: seat.proxyId };
  }
  // An account that waits for a proxy has had one, or was to have one: that the deployment allows direct
  // connections does not mean it.
  const wasNeverMeant =
    place.state !== AssignmentState.WAITING && wish.proxyId === undefined && !room.hasProxies;
  if (mayGoDirect || (wasNeverMeant && room.settings.allowDirect)) {
    moveTo(room, place, undefined, AssignmentState.DIRECT);
    return 'direct';
  }
  if (!wasNeverMeant) moveTo(room, place, undefined, AssignmentState.WAITING);
  throw new NoEgress(place.sessionId, noProxyText(room));
}

function fromProxy(room: Room, place: Place, current: Seat, mayGoDirect: boolean): Way {
  const looksAnew =
    movesAtEachConnection(place.policy) || (isDown(current) && room.settings.whenDown === 'replace');
  if (looksAnew) {
    // Its own place is free for itself.
    current.assigned -= 1;
    const seat = choosePlace(room, place, current);
    current.assigned += 1;
    if (seat) moveTo(room, place, seat, AssignmentState.WAITING);
    if (seat) return { proxyId: seat.proxyId };
  }
  if (!isDown(current)) return { proxyId: current.proxyId };
  if (mayGoDirect) return 'direct';
  throw new NoEgress(
    place.sessionId,
    `Its proxy ${current.proxyId} is down, and there is no other way. Wait until the proxy is up, or assign another.`,
  );
}

function workingSeat(room: Room, proxyId: string): Seat | undefined {
  const seat = room.seatOf(proxyId);
  if (!seat) throw new NotFound('proxy', proxyId);
  return hasRoom(seat) && !isDown(seat) ? seat : undefined;
}

function noProxyText({ hasProxies }: Room): string {
  return hasProxies
    ? 'It has no proxy, and none that works and fits has room. Add proxies, or raise a capacity.'
    : 'It has no proxy, and direct connections are not allowed. Add a proxy, allow direct connections of the account, or set ALLOW_DIRECT=1.';
}

/** ReleaseAssignment and DeleteProxy may not take away what is in use. */
export function refuseHeld(place: Place, holding: Holding | undefined): void {
  if (holding)
    throw new EgressInUse(
      seatName(place),
      holding.processId,
      holding.expireTime,
      'Release the session, or wait until its socket is closed.',
    );
}

export function assignmentMessage(place: Place, inUse: boolean): Assignment {
  return create(AssignmentSchema, {
    accountId: place.accountId ?? '',
    sessionId: place.sessionId ?? 0n,
    proxyId: place.proxyId ?? '',
    policy: place.policy,
    assignTime: timestampFromDate(place.assignTime),
    state: place.state,
    labels: place.labels,
    country: place.country,
    inUse,
    allowDirect: place.allowDirect,
  });
}

export type Outcome<T> = { value: T } | { error: DomainError };

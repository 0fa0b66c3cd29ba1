import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { AssignmentState, type AssignmentPolicy } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { canonicalText } from '#lib/requests/canonical.ts';
import type { Registry } from '../registry.ts';
import type { RegistryTransaction } from '../tables.ts';
import { takeTurns } from '../turns.ts';
import { moveTo, type Holding, type Place, type Room } from './model.ts';
import { fits, type Seat } from './seats.ts';
import {
  addToCounts,
  loadCandidates,
  loadHoldings,
  loadPlaces,
  loadSeats,
  removePlaces,
  savePlaces,
  saveTurn,
  tenantsWithProxies,
  type Occupant,
} from './store.ts';

/** So that one who draws alone draws among many. */
const FEWEST_CANDIDATES = 64;

/** One thing to be decided about an account's place. */
export interface Question extends Occupant {
  /** A proxy that is named. */
  readonly proxyId?: string | undefined;
  readonly policy?: AssignmentPolicy | undefined;
  readonly fit?: { labels: Readonly<Record<string, string>>; country: string } | undefined;
}

/** What is decided on, as it stands after the wait for the turn. Nobody changes it meanwhile. */
export interface Turn {
  roomOf(tenantId: string): Room;
  /** The place of who asks; one that is new has no state yet, and is saved only when it gets one. */
  placeOf(question: Question): Place;
  holdingOf(place: Place): Holding | undefined;
  /** Ends a place. */
  remove(place: Place): void;
  /** Writes what was decided. */
  save(): Promise<void>;
}

/**
 * Takes the turns of all who ask and reads what their answers depend on, a few statements for any number of
 * them. `chooses` says whose answer may depend on which proxies have room.
 */
export async function openTurn(
  trx: RegistryTransaction,
  registry: Pick<Registry, 'settings' | 'random'>,
  questions: readonly Question[],
  chooses: (question: Question, place: Place, held: boolean, seat: Seat | undefined) => boolean,
): Promise<Turn> {
  const { settings, random } = registry;
  const tenantIds = [...new Set(questions.map(({ tenantId }) => tenantId))];
  const cursors = await takeTurns(trx, tenantIds);
  const now = await readClock(trx);
  const known = await loadPlaces(trx, questions);
  const holdings = await loadHoldings(
    trx,
    known.map(({ assignmentId }) => assignmentId),
  );
  const before = new Map(known.map((place) => [place.assignmentId, { ...place }]));
  const removed = new Set<Place>();
  const places = new Map<Question, Place>();
  const byAccount = new Map<string, Place>();
  const bySession = new Map<string, Place>();
  function index(place: Place): void {
    if (place.accountId !== null) byAccount.set(`${place.tenantId}/${place.accountId}`, place);
    if (place.sessionId !== null) bySession.set(`${place.tenantId}/${place.sessionId}`, place);
  }
  known.forEach(index);

  const { defaultProxy } = settings;
  const named = [
    ...known.flatMap(({ proxyId }) => proxyId ?? []),
    ...questions.flatMap(({ proxyId }) => proxyId ?? []),
    ...(defaultProxy ? [defaultProxy.proxyId] : []),
  ];
  const seats = new Map<string, Seat>();
  const counted = new Map<string, number>();
  function add(seat: Seat): Seat {
    const there = seats.get(seat.proxyId);
    if (there) return there;
    seats.set(seat.proxyId, seat);
    counted.set(seat.proxyId, seat.assigned);
    return seat;
  }
  (await loadSeats(trx, [...new Set(named)], tenantIds, settings.capacity)).forEach(add);

  const withProxies = await tenantsWithProxies(trx, tenantIds);
  const candidates = new Map<string, Seat[]>();
  const rooms = new Map(
    tenantIds.map((tenantId): [string, Room] => [
      tenantId,
      {
        settings: {
          whenDown: settings.whenDown,
          allowDirect: settings.allowDirect,
          ...(defaultProxy?.tenantId === tenantId ? { defaultProxyId: defaultProxy.proxyId } : {}),
        },
        seatOf(proxyId) {
          const seat = seats.get(proxyId);
          return seat?.tenantId === tenantId ? seat : undefined;
        },
        candidates: (place) => candidates.get(keyOf(place)) ?? [],
        random,
        lastOrdinal: cursors.get(tenantId) ?? 0n,
        now,
        hasProxies: withProxies.has(tenantId),
      },
    ]),
  );

  /** An account and its session that came apart are one from now on: the place that is in use stays. */
  function merge(account: Place, session: Place): Place {
    const stays =
      holdings.has(session.assignmentId) || (account.proxyId === null && session.proxyId !== null);
    const [kept, gone] =
      stays && !holdings.has(account.assignmentId) ? [session, account] : [account, session];
    moveTo(rooms.get(gone.tenantId)!, gone, undefined, AssignmentState.WAITING);
    removed.add(gone);
    kept.accountId = account.accountId;
    kept.sessionId = session.sessionId;
    kept.allowDirect ||= gone.allowDirect;
    index(kept);
    return kept;
  }

  function find(question: Question): Place {
    const { tenantId, accountId, sessionId } = question;
    const account = accountId === null ? undefined : byAccount.get(`${tenantId}/${accountId}`);
    const session = sessionId === null ? undefined : bySession.get(`${tenantId}/${sessionId}`);
    if (account && session && account !== session) {
      // A session of another account: which is right is not for this service to say.
      return session.accountId === null ? merge(account, session) : account;
    }
    const place = account ?? session;
    if (!place) {
      const fresh: Place = {
        assignmentId: randomUUIDv7(),
        tenantId,
        accountId,
        sessionId,
        proxyId: null,
        state: AssignmentState.UNSPECIFIED,
        policy: settings.policy,
        labels: {},
        country: '',
        allowDirect: false,
        assignTime: now,
      };
      index(fresh);
      return fresh;
    }
    if (account && sessionId !== null) place.sessionId = sessionId;
    if (session && accountId !== null && place.accountId === null) place.accountId = accountId;
    index(place);
    return place;
  }

  for (const question of questions) places.set(question, find(question));
  for (const question of questions) {
    const place = places.get(question)!;
    const seat = place.proxyId === null ? undefined : seats.get(place.proxyId);
    if (!chooses(question, place, holdings.has(place.assignmentId), seat)) continue;
    const wanted = { ...place, policy: question.policy ?? place.policy, ...question.fit };
    const key = keyOf(wanted);
    if (candidates.has(key)) continue;
    const found = await loadCandidates(trx, {
      tenantId: place.tenantId,
      policy: wanted.policy,
      fit: wanted,
      lastOrdinal: rooms.get(place.tenantId)!.lastOrdinal,
      limit: Math.max(questions.length, FEWEST_CANDIDATES),
      defaultCapacity: settings.capacity,
    });
    const shared = [...seats.values()].filter(
      (other) => other.tenantId === place.tenantId && fits(other, wanted),
    );
    candidates.set(key, [...new Set([...found.map(add), ...shared])]);
  }

  return {
    roomOf: (tenantId) => rooms.get(tenantId)!,
    placeOf: (question) => places.get(question)!,
    holdingOf: (place) => holdings.get(place.assignmentId),
    remove(place) {
      moveTo(rooms.get(place.tenantId)!, place, undefined, AssignmentState.WAITING);
      removed.add(place);
    },
    async save() {
      await removePlaces(
        trx,
        [...removed].flatMap(({ assignmentId }) => (before.has(assignmentId) ? assignmentId : [])),
      );
      const decided = new Set([...known, ...places.values()]);
      await savePlaces(
        trx,
        [...decided].filter(
          (place) =>
            !removed.has(place) &&
            place.state !== AssignmentState.UNSPECIFIED &&
            hasChanged(before.get(place.assignmentId), place),
        ),
      );
      await addToCounts(
        trx,
        new Map(
          [...seats.values()].map((seat) => [seat.proxyId, seat.assigned - counted.get(seat.proxyId)!]),
        ),
      );
      for (const [tenantId, { lastOrdinal }] of rooms)
        if (lastOrdinal !== cursors.get(tenantId)) await saveTurn(trx, tenantId, lastOrdinal);
    },
  };
}

/** Places of one key are offered the same proxies. */
function keyOf({ tenantId, policy, labels, country }: Place): string {
  return canonicalText([tenantId, policy, labels, country]);
}

function hasChanged(before: Place | undefined, after: Place): boolean {
  return (
    before === undefined ||
    (Object.keys(after) as (keyof Place)[]).some((name) => before[name] !== after[name])
  );
}

/** The only clock that counts; read after the turn was waited for. */
async function readClock(trx: RegistryTransaction): Promise<Date> {
  const { rows } = await sql<{ at: Date }>`select clock_timestamp() as at`.execute(trx);
  return rows[0]!.at;
}

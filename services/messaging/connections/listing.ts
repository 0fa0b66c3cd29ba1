import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  ConnectionSchema,
  ConnectionState,
  OpenCircuitSchema,
  type Connection,
  type OpenCircuit,
} from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type {
  ListConnectionsRequest,
  ListConnectionsResponse,
} from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { pageToken, readPageToken } from '#lib/requests/page-token.ts';
import * as validate from '#lib/requests/validate.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import type { BreakerState } from '#lib/telegram/breaker.ts';
import type { MessagingDatabase } from '../tables.ts';
import { FORWARDED, isForwarded } from './elsewhere.ts';
import type { Holding } from './holding.ts';
import type { Peers } from './peers.ts';
import * as store from './store.ts';

export interface ListingParts {
  readonly processId: string;
  readonly database: MessagingDatabase;
  readonly clock: Clock;
  readonly peers: Peers;
  readonly connections: { readonly holdings: Iterable<Holding> };
  readonly breakers: { states(): BreakerState[] };
}

interface Filter {
  readonly tenantId: string;
  readonly state: ConnectionState;
  readonly accountId: string;
  readonly after: bigint;
}

const STATES: readonly ConnectionState[] = [
  ConnectionState.UNSPECIFIED,
  ConnectionState.CONNECTING,
  ConnectionState.CONNECTED,
  ConnectionState.RECONNECTING,
  ConnectionState.DEGRADED,
  ConnectionState.CLOSING,
];

/** Each process answers for what it holds; the one that was asked puts the answers together, by session. */
export async function listConnections(
  parts: ListingParts,
  request: ListConnectionsRequest,
  ctx: CallContext,
): Promise<{ connections: Connection[]; nextPageToken: string }> {
  const { processId, database, peers } = parts;
  const { tenantId } = ctx.principal;
  const violations: FieldViolation[] = [];
  const state = validate.oneOf(violations, 'state', request.state, STATES, 'send a state, or none for any');
  const accountId =
    request.accountId === '' ? '' : validate.uuid(violations, 'account_id', request.accountId);
  const limit = validate.pageSize(violations, 'page_size', request.pageSize);
  const filter = ['ListConnections', tenantId, String(state), accountId];
  const after = readPageToken(violations, 'page_token', request.pageToken, filter);
  validate.throwIfAny(violations);

  const own = ownConnections(parts, { tenantId, state, accountId, after }).slice(0, limit + 1);
  const others = isForwarded(ctx)
    ? []
    : await Promise.all(
        (await store.living(database))
          .filter((other) => other.processId !== processId && !peers.isSuspected(other.processId))
          .map((other) => answerOf(parts, other, request, ctx)),
      );
  const all = [...own, ...others.flatMap(({ connections }) => connections)].toSorted((a, b) =>
    a.sessionId < b.sessionId ? -1 : 1,
  );
  const page = all.slice(0, limit);
  const isMore = all.length > limit || others.some(({ nextPageToken }) => nextPageToken !== '');
  return {
    connections: page,
    nextPageToken: isMore && page.length > 0 ? pageToken(filter, page.at(-1)!.sessionId) : '',
  };
}

async function answerOf(
  { processId, peers }: ListingParts,
  other: { processId: string; address: string },
  request: ListConnectionsRequest,
  ctx: CallContext,
): Promise<ListConnectionsResponse> {
  try {
    return await peers
      .at(other.address)
      .listConnections(request, { parent: ctx, metadata: { [FORWARDED]: processId } });
  } catch (error) {
    // Left out of the next answers until it is heard of: this one would not be whole, and says so.
    peers.suspect(other.processId);
    throw error;
  }
}

function ownConnections(parts: ListingParts, filter: Filter): Connection[] {
  const { connections, breakers } = parts;
  const open = breakers.states().filter(({ position }) => position !== 'closed');
  const found: Connection[] = [];
  for (const holding of connections.holdings) {
    const { session } = holding.held;
    if (session.tenantId !== filter.tenantId || session.sessionId <= filter.after) continue;
    if (filter.accountId !== '' && session.accountId !== filter.accountId) continue;
    const state = stateOf(holding);
    if (filter.state === ConnectionState.UNSPECIFIED || filter.state === state)
      found.push(connectionOf(parts, holding, state, open));
  }
  return found.toSorted((a, b) => (a.sessionId < b.sessionId ? -1 : 1));
}

function connectionOf(
  { processId, clock }: ListingParts,
  holding: Holding,
  state: ConnectionState,
  open: readonly BreakerState[],
): Connection {
  const { sessionId, accountId } = holding.held.session;
  const { updates, latencyMs } = holding;
  const updateTime = updates?.isConnected
    ? timestampFromMs(Math.round(clock.now() - (clock.monotonic() - updates.lastHeardMs)))
    : undefined;
  return create(ConnectionSchema, {
    sessionId,
    accountId,
    state,
    dataCenter: holding.dataCenter,
    proxyId: holding.proxyId,
    processId,
    stateTime: timestampFromMs(holding.stateSince),
    ...(updateTime ? { updateTime } : {}),
    queuedCalls: holding.turns.queued,
    runningCalls: holding.turns.running,
    refusedCalls: BigInt(holding.refused),
    openCircuits: circuitsOf(holding, open, clock.now()),
    ...(latencyMs === undefined ? {} : { latency: durationFromMs(Math.ceil(latencyMs)) }),
  });
}

function circuitsOf(holding: Holding, open: readonly BreakerState[], now: number): OpenCircuit[] {
  const waits = holding.waits.map(({ method, peer, seconds }) => {
    const what = [
      ...(method === undefined ? [] : [`method:${method}`]),
      ...(peer === undefined ? [] : [`peer:${peer}`]),
    ];
    return circuit(what.join(' ') || 'all', now + seconds * 1_000);
  });
  const own = new Set([holding.egressName, `dc:${holding.dataCenter}`]);
  const breakers = open
    .filter(({ name }) => own.has(name))
    .map(({ name, probeInMs = 0 }) => circuit(name, now + probeInMs));
  return [...waits, ...breakers];
}

function circuit(name: string, endMs: number): OpenCircuit {
  return create(OpenCircuitSchema, { circuit: name, endTime: timestampFromMs(Math.ceil(endMs)) });
}

function stateOf(holding: Holding): ConnectionState {
  if (holding.isClosing) return ConnectionState.CLOSING;
  switch (holding.state) {
    case 'connected':
      return ConnectionState.CONNECTED;
    case 'connecting':
      return holding.wasConnected ? ConnectionState.RECONNECTING : ConnectionState.CONNECTING;
    case 'waiting':
      return ConnectionState.RECONNECTING;
    case 'degraded':
      return ConnectionState.DEGRADED;
    case 'closed':
      return ConnectionState.CLOSING;
  }
}

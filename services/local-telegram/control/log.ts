import type { MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { LogEventSchema } from '#gen/telegate/local_telegram/v1/log_pb.ts';
import { ConnectionEnd } from '#gen/telegate/local_telegram/v1/log_pb.ts';
import type {
  ListCallsRequestSchema,
  ListConnectionsRequestSchema,
  LocalTelegramService,
} from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import type { CallRecord, ConnectionRecord, Log } from '../log.ts';
import type { Telegram } from '../telegram.ts';
import { msOf, stamp } from './fields.ts';
import { callMessage, connectionMessage, countersMessage, eventMessage } from './log-messages.ts';
import { pageToken, readPage } from './paging.ts';

type Calls = Handlers<typeof LocalTelegramService>;

const MOST_IN_BATCH = 500;

export function logRoutes(
  telegram: Telegram,
): Pick<Calls, 'closeConnections' | 'listConnections' | 'listCalls' | 'watchLog' | 'getCounters'> {
  const { log } = telegram;
  return {
    closeConnections: async ({ scope }) => {
      const chosen = [...telegram.connections].filter((connection) => {
        const { accountId } = connection.faultTarget();
        return (
          !scope ||
          ((scope.accountIds.length === 0 || scope.accountIds.includes(String(accountId ?? ''))) &&
            (scope.dataCenters.length === 0 || scope.dataCenters.includes(connection.dataCenter)) &&
            (scope.keyIds.length === 0 || scope.keyIds.some((id) => connection.uses(id))) &&
            (scope.clientAddresses.length === 0 || scope.clientAddresses.includes(connection.clientAddress)))
        );
      });
      for (const connection of chosen) connection.reset(ConnectionEnd.SERVER_CLOSED);
      return { closedCount: chosen.length };
    },
    listConnections: async (request) => {
      const { after, size } = readPage('connections', request);
      const all = connectionsOf(log, after).filter((one) => isWantedConnection(one, request));
      const shown = all.slice(0, size);
      return {
        connections: shown.map(connectionMessage),
        nextPageToken: shown.length < all.length ? pageToken('connections', shown.at(-1)!.id) : '',
        droppedCount: BigInt(log.closed.dropped),
      };
    },
    listCalls: async (request) => {
      const { after, size } = readPage('calls', request, { usual: 1_000, most: 10_000 });
      const shown: CallRecord[] = [];
      let place = Math.max(after + 1, log.calls.first);
      for (; place < log.calls.next && shown.length < size; place += 1) {
        const call = log.calls.at(place)!;
        if (isWantedCall(call, request)) shown.push(call);
      }
      return {
        calls: shown.map(callMessage),
        nextPageToken: place < log.calls.next ? pageToken('calls', place - 1) : '',
        droppedCount: BigInt(log.calls.dropped),
      };
    },
    watchLog: async ({ afterSequence, withoutCalls }, out, { signal }) => {
      const { entries } = log;
      let next = firstOf(log, afterSequence);
      while (!signal.aborted) {
        if (next > entries.next) next = 1;
        const events: MessageInitShape<typeof LogEventSchema>[] = [];
        if (next < entries.first) {
          const missing = { firstMissing: BigInt(next), lastMissing: BigInt(entries.first - 1) };
          const sequence = missing.lastMissing;
          events.push({ sequence, eventTime: stamp(log.now()), event: { case: 'gap', value: missing } });
          next = entries.first;
        }
        for (; next < entries.next && events.length < MOST_IN_BATCH; next += 1) {
          const entry = entries.at(next)!;
          const isCall = entry.kind === 'callStarted' || entry.kind === 'callEnded';
          if (!isCall || !withoutCalls) events.push(eventMessage(next, entry));
        }
        if (events.length > 0) await out.send({ events });
        else if (next >= entries.next) await entryOrEnd(log, signal);
      }
    },
    getCounters: async () => ({ counters: countersMessage(log) }),
  };
}

function firstOf({ entries }: Log, after: bigint): number {
  if (after < 0n) return entries.next;
  return after === 0n ? entries.first : Number(after) + 1;
}

function entryOrEnd(log: Log, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      stop();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const stop = log.onEntry(end);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}

/** By rising id, which is the order in which they were opened. */
function connectionsOf(log: Log, after: number): ConnectionRecord[] {
  const all: ConnectionRecord[] = [];
  for (let place = log.closed.first; place < log.closed.next; place += 1) {
    const connection = log.closed.at(place)!;
    if (connection.id > after) all.push(connection);
  }
  for (const connection of log.open.values()) if (connection.id > after) all.push(connection);
  return all.toSorted((a, b) => a.id - b.id);
}

function isWantedConnection(
  one: ConnectionRecord,
  request: MessageShape<typeof ListConnectionsRequestSchema>,
): boolean {
  const { openOnly, keyId, accountId, dataCenter } = request;
  return (
    (!openOnly || one.closeTime === undefined) &&
    (keyId === '' || one.keys.some((use) => use.keyId === keyId)) &&
    (accountId === '' || one.keys.some((use) => String(use.accountId) === accountId)) &&
    (dataCenter === 0 || one.dataCenter === dataCenter)
  );
}

function isWantedCall(call: CallRecord, request: MessageShape<typeof ListCallsRequestSchema>): boolean {
  const { accountId, keyId, connectionId, methods, startedFromTime, startedBeforeTime } = request;
  return (
    (accountId === '' || String(call.accountId) === accountId) &&
    (keyId === '' || call.keyId === keyId) &&
    (connectionId === '' || String(call.connectionId) === connectionId) &&
    (methods.length === 0 || methods.includes(call.method)) &&
    (!startedFromTime || call.startTime >= msOf(startedFromTime)) &&
    (!startedBeforeTime || call.startTime < msOf(startedBeforeTime))
  );
}

import { randomUUIDv7 } from 'node:crypto';
import { toBinary } from '@bufbuild/protobuf';
import type { ConnectionState } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import {
  WatchMessagesResponseSchema,
  type WatchMessagesResponse,
} from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { createBatcher } from '#lib/batching/batcher.ts';
import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import { ConnectionLost, DatabaseUnavailable } from '#lib/postgres/errors.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import type { Entities, Mark, Notice } from '#lib/telegram/updates/notice.ts';
import type { StateChange, UpdateStore } from '#lib/telegram/updates/state.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { LiveSession, UpdatesSource } from '../connections/live-session.ts';
import { tellEvents } from '../events.ts';
import type { MessagingDatabase } from '../tables.ts';
import { encryptEvent, type TenantKeys } from './keys.ts';
import * as store from './store.ts';
import { stateOf, toldOf, UNKNOWN_PAST, type Told } from './told.ts';
import { channelsOf, handIn, notHandedIn, statesOf, whatIsNew, type SessionLog, type Wish } from './wish.ts';

/** What was written to a tenant's log, in its order: the events of positions up to `last`. */
export interface Written {
  readonly tenantId: string;
  readonly last: bigint;
  readonly events: readonly { readonly sessionId: bigint; readonly response: WatchMessagesResponse }[];
}

export interface Recorder {
  readonly source: UpdatesSource;
  /** The connection of a session changed. */
  stateChanged(session: LiveSession): void;
  /** The session is held here no more. */
  gone(sessionId: bigint): void;
  /** Sessions that got so many events since they were last asked for that their log may be too long. */
  takeLong(more: number): bigint[];
}

export interface RecorderParts {
  readonly database: MessagingDatabase;
  readonly keys: TenantKeys;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whom an update speaks of. */
  learn?(session: { sessionId: bigint; tenantId: string }, entities: Entities): void;
  /** After the commit. */
  written(written: readonly Written[]): void;
  wakeRelay(): void;
}

const WISHES_A_COMMIT = 500;
/** Under load: what one account is sent is written at once, and hundreds a second in some hundred transactions. */
const COMMITS_APART_MS = 8;
const READERS_A_STATEMENT = 500;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2_000;

/**
 * Writes what happened and where the session stands after it in one transaction: a crash repeats or has all of it.
 * One transaction at a time for all sessions of the process, each of what came while the last one ran.
 */
export function createRecorder(parts: RecorderParts): Recorder {
  const { database, keys, clock, log } = parts;
  const logs = new Map<bigint, SessionLog>();
  const lengths = new Map<bigint, number>();
  const readers = createBatcher<SessionLog, store.Standing>({
    name: 'messaging.updates.begin',
    run: (batch) => store.beginReading(database.kysely, batch),
    maxItems: READERS_A_STATEMENT,
    gatherMs: 0,
    clock,
  });
  const writer = createBatcher<Wish, void>({
    name: 'messaging.updates.write',
    async run(batch) {
      await writeOrSplit(batch);
      return batch.map(() => undefined);
    },
    maxItems: WISHES_A_COMMIT,
    gatherMs: 0,
    apartMs: COMMITS_APART_MS,
    clock,
  });

  /** One row that can not be written holds up its own session alone. */
  async function writeOrSplit(batch: readonly Wish[]): Promise<void> {
    try {
      await write(batch);
    } catch (error) {
      for (const wish of batch) wish.log.mayBeWritten = true;
      const isAway = error instanceof ConnectionLost || error instanceof DatabaseUnavailable;
      const sessions = new Set(batch.map((wish) => wish.log));
      if (isAway || sessions.size === 1) throw error;
      const outcomes: Promise<void>[] = [];
      for (const one of sessions) {
        const own = write(batch.filter((wish) => wish.log === one));
        await own.catch((err: unknown) =>
          log.error(
            { event: 'updates_not_written', session_id: String(one.sessionId), err },
            'updates of a session can not be written',
          ),
        );
        outcomes.push(own);
      }
      await Promise.all(outcomes);
    }
  }

  async function write(batch: readonly Wish[]): Promise<void> {
    const live = batch.filter((wish) => !wish.log.isOver);
    if (live.length === 0) return;
    const tenants = new Set(live.map((wish) => wish.log.tenantId));
    const keyOf = new Map(
      await Promise.all(Array.from(tenants, async (tenant) => [tenant, await keys.of(tenant)] as const)),
    );
    const { stale, written, published } = await transaction(database, async (trx) => {
      const owned = await store.writeStates(trx, statesOf(live));
      const current = live.filter((wish) => owned.has(wish.log.sessionId));
      const { moved, gone } = channelsOf(current);
      await store.writeChannels(trx, moved, gone);
      const events = await whatIsNew(current, (messages) => store.findTold(trx, messages));
      const received = events.flatMap(({ log: of, told }) =>
        told.received
          ? [
              {
                tenantId: of.tenantId,
                entityId: String(of.sessionId),
                payload: { case: 'messageReceived', value: { accountId: of.accountId, ...told.received } },
              } as const,
            ]
          : [],
      );
      await tellEvents(trx, received);
      const rows = events.map((event) => ({
        tenantId: event.log.tenantId,
        sessionId: event.log.sessionId,
        messageKey: event.told.messageKey,
        body: encryptEvent(
          keyOf.get(event.log.tenantId)!,
          event.log.sessionId,
          toBinary(WatchMessagesResponseSchema, event.response),
        ),
      }));
      const heads = rows.length > 0 ? await store.appendEvents(trx, rows) : new Map<string, bigint>();
      return {
        stale: live.filter((wish) => !owned.has(wish.log.sessionId)),
        written: Array.from(heads, ([tenantId, last]) => ({
          tenantId,
          last,
          events: events
            .filter((event) => event.log.tenantId === tenantId)
            .map(({ log: { sessionId }, response }) => ({ sessionId, response })),
        })),
        published: received.length,
      };
    });
    for (const wish of live) wish.log.mayBeWritten = false;
    for (const { log: one } of stale) giveUp(one);
    for (const { events } of written)
      for (const { sessionId } of events) lengths.set(sessionId, (lengths.get(sessionId) ?? 0) + 1);
    if (written.length > 0) parts.written(written);
    if (published > 0) parts.wakeRelay();
  }

  /** Where it stands is read anew by whoever holds the session now: nothing is lost. */
  function giveUp(one: SessionLog): void {
    one.isOver = true;
    const sessionId = String(one.sessionId);
    log.warn(
      { event: 'updates_too_late', session_id: sessionId },
      'updates came after the session had moved on',
    );
  }

  /** Until it is told, or something newer is to be: how a connection stands is not said a second time. */
  async function tellState(own: SessionLog, connectionState: ConnectionState): Promise<void> {
    const told: Told = { event: { case: 'connectionState', value: connectionState }, mayRepeat: false };
    const isNews = (): boolean =>
      !own.isOver && own.connectionState === connectionState && logs.get(own.sessionId) === own;
    for (let waitMs = FIRST_PAUSE_MS; isNews(); waitMs = Math.min(2 * waitMs, LONGEST_PAUSE_MS)) {
      try {
        await writer.submit({ log: own, told: [told], marks: [], connectionState });
        return;
      } catch (err) {
        log.warn({ event: 'state_not_told', err }, 'watchers hear later how a connection stands');
      }
      await pause(clock, waitMs);
    }
  }

  function open(session: { sessionId: bigint; accountId: string; tenantId: string }): SessionLog {
    const { sessionId, accountId, tenantId } = session;
    const opened: SessionLog = {
      sessionId,
      tenantId,
      accountId,
      writer: randomUUIDv7(),
      isReading: false,
      isOver: false,
      mayBeWritten: false,
      connectionState: 0,
      handed: { account: undefined, channels: undefined },
    };
    logs.set(sessionId, opened);
    return opened;
  }

  return {
    source(session) {
      const own = open(session);
      return {
        store: storeOf(own, {
          async load() {
            const { state, wasRead } = await readers.submit(own);
            own.isReading = true;
            // Its reader died before it had written where it began: what came to it is not known any more.
            if (!state && wasRead) await writer.submit({ log: own, told: [UNKNOWN_PAST], marks: [] });
            return state;
          },
          write: (marks) => writer.submit({ log: own, told: [], marks }),
        }),
        async handler(notices: readonly Notice[], marks: readonly Mark[]) {
          const told: Told[] = [];
          for (const notice of notices) {
            const one = toldOf(notice, session.userId);
            if (one) told.push(one);
            if (notice.kind === 'update' && notice.entities.users.length + notice.entities.chats.length > 0)
              parts.learn?.(own, notice.entities);
          }
          if (told.length === 0) return;
          handIn(own.handed, notices, marks);
          await writer.submit({ log: own, told, marks });
        },
      };
    },
    stateChanged({ sessionId, state }) {
      const own = logs.get(sessionId);
      const connectionState = stateOf(state);
      if (!own?.isReading || own.connectionState === connectionState) return;
      own.connectionState = connectionState;
      void tellState(own, connectionState);
    },
    gone: (sessionId) => void logs.delete(sessionId),
    takeLong(more) {
      const long = [...lengths].filter(([, count]) => count >= more).map(([sessionId]) => sessionId);
      for (const sessionId of long) lengths.delete(sessionId);
      return long;
    },
  };
}

function storeOf(
  own: SessionLog,
  { load, write }: { load: UpdateStore['load']; write(marks: readonly Mark[]): Promise<void> },
): UpdateStore {
  return {
    load,
    async save(change: StateChange) {
      const marks = own.isOver ? [] : notHandedIn(own.handed, change);
      if (marks.length > 0) await write(marks);
    },
  };
}

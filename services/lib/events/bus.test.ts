import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { natsMissing } from '../../../tests/support/nats.ts';
import { handleOnce } from './consumer.ts';
import type { BusEvent, EventBus } from './bus.ts';
import {
  APP_SCHEMA,
  append,
  busEvent,
  createSeen,
  expectOrderWithinEntities,
  log,
  manyEvents,
  newEvent,
  startHarness,
  type Harness,
} from './fixtures/harness.ts';
import { appendEvents } from './outbox.ts';
import { startRelay, type Relay } from './relay.ts';

const SUBJECTS = ['telegate.v1.>'];

describe.each([
  { kind: 'nats' as const, missing: natsMissing },
  { kind: 'postgres' as const, missing: undefined },
])('events on $kind', ({ kind, missing }) => {
  describe.skipIf(missing)(`with a server ${missing ? `(${missing})` : ''}`, () => {
    let harness: Harness;
    let bus: EventBus;
    const relays: Relay[] = [];
    const killAll: Array<() => Promise<void>> = [];

    beforeEach(async () => {
      harness = await startHarness(kind);
      bus = await harness.openBus();
    });

    afterEach(async () => {
      await Promise.all(killAll.splice(0).map((kill) => kill()));
      await Promise.all(relays.splice(0).map((one) => one.stop()));
      await harness.stop();
    });

    function relay(through: EventBus = bus): Relay {
      const started = startRelay({ url: harness.url, schema: APP_SCHEMA, bus: through, log });
      relays.push(started);
      return started;
    }

    function spawnFixture(name: string, env: Record<string, string> = {}) {
      const script = fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
      const nats = harness.natsUrl ? { NATS_URL: harness.natsUrl } : {};
      const child = spawn(process.execPath, [script], {
        env: { PATH: process.env['PATH'], DATABASE_URL: harness.url, ...nats, ...env },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      const kill = async (): Promise<void> => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
      };
      killAll.push(kill);
      return { out: () => said, kill };
    }

    test('each event arrives once, as it was sent, when all is well', async () => {
      const seen = createSeen();
      await bus.consume({ durable: 'all', subjects: SUBJECTS, handle: seen.handle });
      const events = manyEvents(10, 5);
      await append(harness.database, events);
      relay();
      await seen.waitFor(events);
      await vi.waitFor(async () => expect(await harness.outboxSize()).toBe(0));
      expect(seen.ids().toSorted()).toEqual(events.map((event) => event.eventId).toSorted());
      expectOrderWithinEntities(seen.events);
      const [first] = events;
      expect(seen.events.find((event) => event.eventId === first?.eventId)).toMatchObject({
        subject: first?.subject,
        tenantId: first?.tenantId,
        entityId: '0',
        entitySequence: 1n,
        headers: {},
      });
      expect(Buffer.from(seen.events[0]?.payload ?? []).toString()).toMatch(/^\d+:1$/);
    });

    test('a consumer gets the subjects that it asked for', async () => {
      const seen = createSeen();
      const subjects = ['telegate.v1.session_pool.*.lease_expired', 'telegate.v1.messaging.>'];
      await bus.consume({ durable: 'some', subjects, handle: seen.handle });
      const other = { ...busEvent(4, 1), subject: 'telegate.v1.messaging.4.sent' };
      const events = [busEvent(1, 1), busEvent(1, 2, 'lease_expired'), busEvent(2, 1), other];
      await bus.publish(events);
      await seen.waitFor([events[1]!, other]);
      expect(seen.events).toHaveLength(2);
    });

    test('an event that fails comes again, and nothing of its entity overtakes it', async () => {
      let failures = 3;
      const seen = createSeen((event) => {
        if (event.entityId === '1' && event.entitySequence === 1n && failures-- > 0)
          throw new Error('not yet');
      });
      await bus.consume({ durable: 'failing', subjects: SUBJECTS, handle: seen.handle });
      const events = [busEvent(1, 1), busEvent(1, 2), busEvent(2, 1)];
      await bus.publish(events);
      await seen.waitFor(events);
      expect(seen.events[0]?.entityId).toBe('2');
      expectOrderWithinEntities(seen.events);
      expect(seen.events).toHaveLength(3);
    });

    test('publishing the same id again stores nothing, and says so', async () => {
      const event = busEvent(1, 1);
      expect(await bus.publish([event])).toEqual([{ ok: true, duplicate: false }]);
      expect(await bus.publish([event, busEvent(1, 2)])).toEqual([
        { ok: true, duplicate: true },
        { ok: true, duplicate: false },
      ]);
      const seen = createSeen();
      await bus.consume({ durable: 'once', subjects: SUBJECTS, handle: seen.handle });
      const last = busEvent(1, 3);
      await bus.publish([last]);
      await seen.waitFor([last]);
      expect(seen.events).toHaveLength(3);
    });

    test('order within an entity holds under concurrency and failures', async () => {
      let calls = 0;
      const running = new Set<string>();
      const seen = createSeen(async (event) => {
        expect(running.has(event.entityId)).toBe(false);
        running.add(event.entityId);
        await new Promise((resolve) => setImmediate(resolve));
        running.delete(event.entityId);
        if (++calls % 7 === 0) throw new Error('now and then');
      });
      await bus.consume({ durable: 'ordered', subjects: SUBJECTS, handle: seen.handle, concurrency: 8 });
      const events = manyEvents(20, 15);
      relay();
      for (let from = 0; from < events.length; from += 30)
        await append(harness.database, events.slice(from, from + 30));
      await seen.waitFor(events);
      expectOrderWithinEntities(seen.events);
      expect(seen.events).toHaveLength(events.length);
    });

    test('a broker that goes away in the middle costs no event and no order', async () => {
      const seen = createSeen();
      await bus.consume({ durable: 'restart', subjects: SUBJECTS, handle: seen.handle });
      const events = manyEvents(8, 30);
      const work = relay();
      await append(harness.database, events.slice(0, 80));
      work.wake();
      await seen.waitFor(events.slice(0, 40));
      await harness.breakBroker();
      await append(harness.database, events.slice(80, 160));
      work.wake();
      await vi.waitFor(async () => expect(await harness.outboxSize()).toBeGreaterThanOrEqual(80));
      await harness.mendBroker();
      await append(harness.database, events.slice(160));
      await seen.waitFor(events);
      await vi.waitFor(async () => expect(await harness.outboxSize()).toBe(0), { timeout: 10_000 });
      expectOrderWithinEntities(seen.events);
    });

    test('a relay that dies between publishing and deleting publishes again, with the same id', async () => {
      const outcomes: unknown[] = [];
      let dies = true;
      const dying: EventBus = {
        ...bus,
        async publish(events) {
          const result = await bus.publish(events);
          outcomes.push(...result);
          if (dies) {
            dies = false;
            await harness.endSessions(`telegate relay ${APP_SCHEMA}`);
          }
          return result;
        },
      };
      const seen = createSeen();
      await bus.consume({ durable: 'twice', subjects: SUBJECTS, handle: seen.handle });
      const events = [newEvent(1, 1)];
      await append(harness.database, events);
      relay(dying);
      await vi.waitFor(async () => expect(await harness.outboxSize()).toBe(0), { timeout: 10_000 });
      expect(outcomes).toEqual([
        { ok: true, duplicate: false },
        { ok: true, duplicate: true },
      ]);
      await seen.waitFor(events);
      expect(seen.events).toHaveLength(1);
    });

    test('a second delivery is dropped by the inbox', async () => {
      const outcomes: string[] = [];
      let ackLost = true;
      const handle = async (event: BusEvent): Promise<void> => {
        outcomes.push(
          await harness.database.kysely.transaction().execute((trx) =>
            handleOnce(trx, 'inboxed', event, async (tx) => {
              const { eventId, entityId, entitySequence } = event;
              await tx
                .insertInto('effect')
                .values({ event_id: eventId, entity: entityId, sequence: entitySequence.toString() })
                .execute();
            }),
          ),
        );
        if (!ackLost) return;
        ackLost = false;
        throw new Error('committed, but the broker never hears of it');
      };
      await bus.consume({ durable: 'inboxed', subjects: SUBJECTS, handle });
      await bus.publish([busEvent(1, 1)]);
      await vi.waitFor(() => expect(outcomes).toEqual(['applied', 'duplicate']), { timeout: 10_000 });
      expect(await harness.database.kysely.selectFrom('effect').selectAll().execute()).toHaveLength(1);
    });

    test('of two relays one works; when its process is killed, the other takes over', async () => {
      const child = spawnFixture('relay-process.ts');
      await vi.waitFor(() => expect(child.out()).toContain('lock_taken'), { timeout: 10_000 });

      const standby = relay();
      const seen = createSeen();
      await bus.consume({ durable: 'relayed', subjects: SUBJECTS, handle: seen.handle });
      const events = manyEvents(5, 40);
      await append(harness.database, events.slice(0, 100));
      await seen.waitFor(events.slice(0, 100));
      expect(standby.active).toBe(false);

      await append(harness.database, events.slice(100, 150));
      await child.kill();
      await append(harness.database, events.slice(150));
      await seen.waitFor(events);
      expect(standby.active).toBe(true);
      expectOrderWithinEntities(seen.events);
    });

    test('what many publish at the same time all arrives', async () => {
      const seen = createSeen();
      await bus.consume({ durable: 'many', subjects: SUBJECTS, handle: seen.handle });
      const buses = [bus, await harness.openBus(), await harness.openBus()];
      const events = manyEvents(300, 2).map((event) => ({ ...event, headers: {} }));
      await Promise.all(
        Array.from({ length: 60 }, (_, index) =>
          buses[index % buses.length]!.publish(events.slice(index * 10, index * 10 + 10)),
        ),
      );
      await seen.waitFor(events);
      expect(seen.events).toHaveLength(events.length);
    });

    test('a durable goes on where it stopped, in another process', async () => {
      const first = createSeen();
      const early = manyEvents(4, 5);
      const consumer = await bus.consume({ durable: 'resuming', subjects: SUBJECTS, handle: first.handle });
      await bus.publish(early.map((event) => ({ ...event, headers: {} })));
      await first.waitFor(early);
      await consumer.stop();

      const late = [busEvent(0, 6), busEvent(1, 6)];
      await bus.publish(late);
      const second = createSeen();
      const other = await harness.openBus();
      await other.consume({ durable: 'resuming', subjects: SUBJECTS, handle: second.handle });
      await second.waitFor(late);
      expect(second.events).toHaveLength(2);
    });

    test('replicas share a durable: each event once, in order, and one takes over from the other', async () => {
      const atWork = new Set<string>();
      const seen = createSeen(async ({ entityId, entitySequence }) => {
        expect(atWork).not.toContain(entityId);
        atWork.add(entityId);
        // The earlier of two takes longer: side by side, the later one would come first.
        for (let turns = entitySequence % 2n === 0n ? 1 : 20; turns > 0; turns--)
          await new Promise((resolve) => setImmediate(resolve));
        atWork.delete(entityId);
      });
      const other = await harness.openBus();
      const options = { durable: 'shared', subjects: SUBJECTS, handle: seen.handle };
      const events = manyEvents(6, 150).map((event) => ({ ...event, headers: {} }));
      // More than either fetches at once, so that both could have a part of each entity.
      await bus.publish(events.slice(0, 720));
      const [consumer] = await Promise.all([bus.consume(options), other.consume(options)]);
      await seen.waitFor(events.slice(0, 720));
      await consumer.stop();
      await bus.publish(events.slice(720));
      await seen.waitFor(events);
      expectOrderWithinEntities(seen.events);
      expect(seen.events).toHaveLength(events.length);
    });

    test('a consumer whose process is killed is replaced, and what it held comes again, in order', async () => {
      const child = spawnFixture('consumer-process.ts', { DURABLE: 'replaced' });
      const events = manyEvents(4, 10).map((event) => ({ ...event, headers: {} }));
      await bus.publish(events.slice(0, 20));
      await vi.waitFor(() => expect(child.out().match(/given/g)).toHaveLength(4), { timeout: 10_000 });
      const seen = createSeen();
      await bus.consume({ durable: 'replaced', subjects: SUBJECTS, handle: seen.handle });
      await child.kill();
      await seen.waitFor(events.slice(0, 20));
      await bus.publish(events.slice(20));
      await seen.waitFor(events);
      expectOrderWithinEntities(seen.events);
    });

    test('a new durable may begin with what comes next', async () => {
      await bus.publish([busEvent(1, 1)]);
      const seen = createSeen();
      await bus.consume({ durable: 'late', subjects: SUBJECTS, handle: seen.handle, startFrom: 'new' });
      const next = busEvent(1, 2);
      await bus.publish([next]);
      await seen.waitFor([next]);
      expect(seen.events).toHaveLength(1);
    });

    test('a new durable may begin some time ago; every process that has a name of its own gets all', async () => {
      const [old, recent, next] = [busEvent(1, 1), busEvent(1, 2), busEvent(1, 3)];
      await bus.publish([old]);
      const publishedAt = Date.now();
      await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(publishedAt + 400));
      const between = Date.now() - 200;
      await bus.publish([recent]);
      const both = [createSeen(), createSeen()];
      for (const [index, seen] of both.entries())
        await bus.consume({
          durable: `process-${index}`,
          subjects: SUBJECTS,
          handle: seen.handle,
          startFrom: { agoMs: Date.now() - between },
          forgetAfterMs: 60_000,
        });
      await bus.publish([next]);
      for (const seen of both) {
        await seen.waitFor([recent, next]);
        expect(seen.events).toHaveLength(2);
      }
    });

    test('an entity that cannot be published waits alone, and is not overtaken by itself', async () => {
      let refusals = 3;
      const picky: EventBus = {
        ...bus,
        async publish(events) {
          const outcomes = await bus.publish(
            events.filter((event) => event.entityId !== '1' || refusals <= 0),
          );
          const error = new Error('refused');
          if (events.some((event) => event.entityId === '1')) refusals -= 1;
          return events.map((event) =>
            event.entityId === '1' && refusals >= 0
              ? { ok: false, error }
              : (outcomes.shift() ?? { ok: false, error }),
          );
        },
      };
      const seen = createSeen();
      await bus.consume({ durable: 'picky', subjects: SUBJECTS, handle: seen.handle });
      const events = manyEvents(3, 10);
      await append(harness.database, events);
      relay(picky);
      await seen.waitFor(events);
      expectOrderWithinEntities(seen.events);
      const places = seen.events.map((event) => event.entityId);
      expect(places.slice(0, 20)).not.toContain('1');
    });

    test('a transaction that rolls back publishes nothing; a paused relay neither, until resumed', async () => {
      const seen = createSeen();
      await bus.consume({ durable: 'committed', subjects: SUBJECTS, handle: seen.handle });
      const work = relay();
      await expect(
        harness.database.kysely.transaction().execute(async (trx) => {
          await appendEvents(trx, [newEvent(1, 1)]);
          throw new Error('rolled back');
        }),
      ).rejects.toThrow('rolled back');
      await vi.waitFor(() => expect(work.active).toBe(true));
      work.pause();
      const event = newEvent(1, 2);
      await append(harness.database, [event]);
      work.wake();
      expect(await harness.outboxSize()).toBe(1);
      work.resume();
      await seen.waitFor([event]);
      expect(seen.events).toHaveLength(1);
    });
  });
});

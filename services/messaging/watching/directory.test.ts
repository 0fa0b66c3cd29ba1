import { create } from '@bufbuild/protobuf';
import { randomUUIDv7 } from 'node:crypto';
import { expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { ListSessionsResponseSchema } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { EventBus } from '#lib/events/bus.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { Replicas, type PoolClient } from '#lib/telegram/held/replicas.ts';
import { quiet } from '../../../tests/support/driver.ts';
import { Directory } from './directory.ts';

const bus = { consume: () => Promise.resolve({ stop: () => Promise.resolve() }) } as unknown as EventBus;
const away = { listSessions: () => Promise.reject(new Error('away')) } as unknown as PoolClient;
const accountId = randomUUIDv7();
const there = {
  listSessions: () =>
    Promise.resolve(
      create(ListSessionsResponseSchema, { sessions: [{ sessionId: 7n, accountId, environment: 'local' }] }),
    ),
} as unknown as PoolClient;

function directory(clients: PoolClient[]): Directory {
  const pools = new Replicas(clients);
  return new Directory({
    pools,
    environment: 'local',
    bus,
    processId: 'test',
    clock: systemClock,
    log: quiet,
  });
}

test('one replica of the pool that is away is made up for by another', async () => {
  const made = directory([away, there]);
  const sessions = await made.open(randomUUIDv7());
  expect(sessions.sessionOf(accountId)).toBe(7n);
  sessions.close();
  await made.close();
});

test('when all are away, that is said', async () => {
  const made = directory([away, away]);
  await expect(made.open(randomUUIDv7())).rejects.toMatchObject({
    reason: ErrorReason.DEPENDENCY_UNAVAILABLE,
  });
  await made.close();
});

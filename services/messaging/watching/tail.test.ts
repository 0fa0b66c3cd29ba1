import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { WatchMessagesResponseSchema } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { Tail, type Follower, type LogEvent } from './tail.ts';

const response = create(WatchMessagesResponseSchema, {});

function event(position: number, sessionId = 1): LogEvent {
  return { position: BigInt(position), sessionId: BigInt(sessionId), response };
}

function follower(sessions?: number[]): Follower & { woken: number } {
  return {
    sessions: sessions && new Set(sessions.map(BigInt)),
    due: undefined,
    woken: 0,
    wake() {
      this.woken += 1;
    },
  };
}

const positions = (events: readonly LogEvent[] | undefined) =>
  events?.map(({ position }) => Number(position));

test('gives what is behind a position, and says when it has not all of that', () => {
  const tail = new Tail(10n, { mostEvents: 3 });
  expect(tail.after(9n)).toBeUndefined();
  expect(positions(tail.after(10n))).toEqual([]);
  for (let position = 11; position <= 17; position += 1) tail.append([event(position)], BigInt(position));
  expect(tail.head).toBe(17n);
  expect(tail.after(13n)).toBeUndefined();
  expect(positions(tail.after(14n))).toEqual([15, 16, 17]);
  expect(positions(tail.after(16n))).toEqual([17]);
  expect(positions(tail.after(17n))).toEqual([]);
  expect(positions(tail.after(99n))).toEqual([]);
});

test('wakes who follows the session, from before the first event that they have not seen', () => {
  const tail = new Tail(0n);
  const [one, other, all] = [follower([1]), follower([2, 3]), follower()];
  const leave = tail.follow(one);
  tail.follow(other);
  tail.follow(all);
  tail.append([event(1, 2), event(2, 1), event(3, 1)], 3n);
  expect([one.due, other.due, all.due]).toEqual([1n, 0n, 0n]);
  expect([one.woken, other.woken, all.woken]).toEqual([1, 1, 1]);
  tail.append([event(4, 3)], 4n);
  expect([one.woken, other.woken, all.woken]).toEqual([1, 2, 2]);
  expect(other.due).toBe(0n);
  leave();
  tail.append([event(5, 1)], 5n);
  expect(one.woken).toBe(1);
});

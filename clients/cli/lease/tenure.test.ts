import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { LeaseSchema } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import type { HolderEvent } from './events.ts';
import { Tenure } from './tenure.ts';

const lease = create(LeaseSchema, { leaseId: 'l', ttl: durationFromMs(10_000) });

function held() {
  const clock = createFakeClock();
  const told: string[] = [];
  const tenure = new Tenure(clock, (event: HolderEvent) =>
    told.push(event.kind === 'heard' ? String(event.event.case) : event.kind),
  );
  return { clock, told, tenure };
}

test('is suspended a tenth of the TTL before the end, counted from when the last renewal was sent', async () => {
  const { clock, told, tenure } = held();
  tenure.granted(lease, 0);
  await clock.advance(3_000);
  const sentAt = clock.monotonic();
  await clock.advance(2_000);
  tenure.renewed(sentAt);
  expect(tenure.safeMs()).toBe(7_000);
  await clock.advance(6_999);
  expect(told).toEqual(['granted']);
  await clock.advance(1);
  expect(told).toEqual(['granted', 'suspended']);
  expect(tenure.safeMs()).toBe(0);
});

test('the wall clock has no say', async () => {
  const { clock, told, tenure } = held();
  tenure.granted(lease, 0);
  clock.setNow(0);
  await clock.advance(8_999);
  clock.setNow(Date.UTC(2100, 0));
  expect(told).toEqual(['granted']);
});

test('an answer that comes too late does not resume; the next one in time does', async () => {
  const { clock, told, tenure } = held();
  tenure.granted(lease, 0);
  const sentAt = clock.monotonic();
  await clock.advance(20_000);
  tenure.renewed(sentAt);
  expect(told).toEqual(['granted', 'suspended']);
  tenure.renewed(clock.monotonic());
  expect(told).toEqual(['granted', 'suspended', 'resumed']);
  await clock.advance(9_000);
  expect(told.at(-1)).toBe('suspended');
});

test('a grant that may be old is told when a renewal confirms it', async () => {
  const { clock, told, tenure } = held();
  await clock.advance(60_000);
  tenure.granted(lease, 0);
  expect(told).toEqual([]);
  tenure.renewed(clock.monotonic());
  expect(told).toEqual(['granted']);
});

test('attaching renews: told as attached when it was held, as resumed when it was suspended', async () => {
  const { clock, told, tenure } = held();
  tenure.granted(lease, 0);
  tenure.attached(lease, clock.monotonic());
  await clock.advance(9_000);
  tenure.attached(lease, clock.monotonic());
  expect(told).toEqual(['granted', 'attached', 'suspended', 'resumed']);
  tenure.end();
  expect(clock.pendingTimers).toBe(0);
});

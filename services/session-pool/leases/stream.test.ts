import { expect, test } from 'vitest';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { defaultLimits } from '#lib/rpc/limits.ts';
import { OutgoingMessages } from '#lib/rpc/streams.ts';
import { ManageLeasesResponseSchema } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { inTurn, tell } from './stream.ts';

const MANY = 5_000;

test('a flood of messages that nobody awaits goes out whole and in order, as the wire takes it', async () => {
  const written: (() => void)[] = [];
  const ends: unknown[] = [];
  const out = new OutgoingMessages<typeof ManageLeasesResponseSchema>({
    wire: { sendMessage: (_bytes, done) => void written.push(done), startRead: () => undefined },
    schema: ManageLeasesResponseSchema,
    limits: defaultLimits,
    clock: systemClock,
    fail: (error) => ends.push(error),
  });
  const paced = inTurn(out);
  for (let id = 0; id < MANY; id += 1) tell(paced, { id: String(id) });
  const last = paced.send({ id: 'last' });
  for (let taken = 0; taken <= MANY; taken += 1) {
    while (written.length <= taken) await Promise.resolve();
    expect(out.buffered).toBeLessThanOrEqual(defaultLimits.sendBufferMessages);
    written[taken]!();
  }
  await last;
  expect(written).toHaveLength(MANY + 1);
  expect(ends).toEqual([]);
});

test('one message that cannot be sent does not hold up those behind it', async () => {
  const sent: string[] = [];
  const paced = inTurn<typeof ManageLeasesResponseSchema>({
    async send({ id }) {
      if (id === 'bad') throw new Error('too large');
      sent.push(id!);
    },
    trySend: () => false,
    buffered: 0,
  });
  await expect(paced.send({ id: 'bad' })).rejects.toThrow('too large');
  await paced.send({ id: 'good' });
  expect(sent).toEqual(['good']);
});

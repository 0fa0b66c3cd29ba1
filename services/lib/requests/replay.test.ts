import { create } from '@bufbuild/protobuf';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { replayKey, ReplayRace, withReplayRetry } from './replay.ts';

test('a body that has no JSON form, as with a time that is none, is told from others too', () => {
  const hashOf = (seconds: bigint) =>
    replayKey(
      { tenantId: 't', subject: 'key:a' },
      'Call',
      'once',
      TimestampSchema,
      create(TimestampSchema, { seconds }),
    )!.bodyHash;
  expect(hashOf(10n ** 17n)).toEqual(hashOf(10n ** 17n));
  expect(hashOf(10n ** 17n)).not.toEqual(hashOf(10n ** 17n + 1n));
});

test('a batch that loses a race for one request after the other is answered in the end', async () => {
  let races = 4;
  const answer = await withReplayRetry(async () => {
    if (races > 0) {
      races -= 1;
      throw new ReplayRace();
    }
    return 'answered';
  });
  expect(answer).toBe('answered');
});

test('another fault is not taken for a race', async () => {
  let calls = 0;
  const failing = withReplayRetry(async () => {
    calls += 1;
    throw new Error('a fault');
  });
  await expect(failing).rejects.toThrow('a fault');
  expect(calls).toBe(1);
});

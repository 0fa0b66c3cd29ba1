import { expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { createPasswords } from './passwords.ts';

test('a hash is of argon2id, new each time, and opens to its password alone', async () => {
  const passwords = createPasswords();
  const [one, two] = await Promise.all(
    ['Zürich im Regen', 'Zürich im Regen'].map((text) => passwords.hash(text)),
  );
  expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
  expect(one).not.toBe(two);
  expect(await passwords.verify(one, 'Zürich im Regen'.normalize('NFD'))).toBe(true);
  expect(await passwords.verify(one, 'Zurich im Regen')).toBe(false);
});

test('nobody is not let in, and takes as long as somebody', async () => {
  const passwords = createPasswords({ atOnce: 1 });
  const hash = await passwords.hash('the right password');
  const took = async (stored: string | undefined): Promise<number> => {
    const startedAt = performance.now();
    expect(await passwords.verify(stored, 'a wrong password')).toBe(false);
    return performance.now() - startedAt;
  };
  // In turns, so that what else the machine does is met by both; the quickest of each was met by the least.
  const times: { nobody: number; somebody: number }[] = [];
  for (let index = 0; index < 15; index += 1)
    times.push({ nobody: await took(undefined), somebody: await took(hash) });
  const ratio =
    Math.min(...times.map(({ nobody }) => nobody)) / Math.min(...times.map(({ somebody }) => somebody));
  expect(ratio).toBeGreaterThan(0.5);
  expect(ratio).toBeLessThan(2);
});

test('more than a queue holds are told to come back, and those in it are served', async () => {
  const passwords = createPasswords({ atOnce: 1, queued: 2 });
  const outcomes = await Promise.allSettled([1, 2, 3, 4, 5].map(() => passwords.verify(undefined, 'x')));
  expect(outcomes.map(({ status }) => status)).toEqual([
    ...Array<string>(3).fill('fulfilled'),
    ...Array<string>(2).fill('rejected'),
  ]);
  expect(outcomes[4]).toMatchObject({ reason: { reason: ErrorReason.QUOTA_EXCEEDED, retryAfterMs: 1_000 } });
  expect(await passwords.verify(undefined, 'x')).toBe(false);
});

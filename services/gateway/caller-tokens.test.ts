import { expect, test } from 'vitest';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import { operator, user } from '../../tests/support/echo/echo-service.ts';
import { createCallerTokens } from './caller-tokens.ts';

test("a caller's token is used for ten seconds, and by nobody else", async () => {
  const clock = createFakeClock();
  let signed = 0;
  const tokenFor = createCallerTokens(({ subject }) => Promise.resolve(`${subject} ${(signed += 1)}`), clock);
  expect(await tokenFor(user)).toBe('user:ann 1');
  expect(tokenFor(user)).toBe('user:ann 1');
  expect(await tokenFor(operator)).toBe('key:op 2');
  expect(await tokenFor({ ...user, tenantId: operator.tenantId })).toBe('user:ann 3');
  await clock.advance(9_999);
  expect(tokenFor(user)).toBe('user:ann 1');
  await clock.advance(1);
  expect(await tokenFor(user)).toBe('user:ann 4');
});

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startTestTelegram, type TestTelegram } from '../../../tests/support/local-telegram.ts';
import { environmentOf, linkTo } from '../../../tests/support/driver.ts';
import { liveSockets } from './census.ts';
import { Api } from './client.ts';
import type { TelegramEnvironment } from './environment.ts';
import { RawRpcError, type Link } from './link.ts';

let server: TestTelegram;
let environment: TelegramEnvironment;

beforeAll(async () => {
  server = await startTestTelegram();
  environment = environmentOf(server.telegram);
});

afterAll(() => server.close());

const inTime = { deadlineMs: 5_000 };

async function loggedIn(): Promise<Link> {
  const account = server.account({ firstName: 'Ann' });
  const { key } = server.telegram.makeAuthorizedKey(account);
  const link = await linkTo(environment, { authKey: key });
  onTestFinished(() => link.close());
  return link;
}

test('a stored key: a call is answered, and the ping too', async () => {
  const link = await loggedIn();
  const users = await link.invoke(new Api.users.GetUsers({ id: [new Api.InputUserSelf()] }), inTime);
  expect((users[0] as Api.User).firstName).toBe('Ann');
  expect(await link.ping(inTime)).toBeGreaterThan(0);
});

test('a call that was let through, and whose time was over before its bytes left, is never sent', async () => {
  const account = server.account();
  const { key } = server.telegram.makeAuthorizedKey(account);
  let remaining = 5_000;
  const link = await linkTo(environment, { authKey: key, guard: { remainingMs: () => remaining } });
  onTestFinished(() => link.close());
  await link.invoke(new Api.help.GetConfig(), inTime);
  const served = server.telegram.log.counters.calls;
  // What is asked for goes out at the end of the turn: a process that stands still may do so in between.
  const late = link.invoke(new Api.help.GetNearestDc(), inTime);
  remaining = 0;
  await expect(late).rejects.toMatchObject({ name: 'LinkClosed', end: { reason: 'closed' } });
  await link.closed;
  expect(server.telegram.log.counters.calls).toBe(served);
});

test('a new key is made, twenty times over', async () => {
  for (let i = 0; i < 20; i += 1) {
    const link = await linkTo(environment);
    expect(link.authKey).toHaveLength(256);
    const config = await link.invoke(new Api.help.GetConfig(), inTime);
    expect(config.thisDc).toBe(2);
    await link.close();
  }
  expect(liveSockets()).toBe(0);
});

test('an error comes with the code and text that Telegram sent', async () => {
  const link = await linkTo(environment);
  onTestFinished(() => link.close());
  const error = await link.invoke(new Api.updates.GetState(), inTime).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(RawRpcError);
  expect(error).toMatchObject({ code: 401, text: 'AUTH_KEY_UNREGISTERED' });
});

test('a thousand calls at once', async () => {
  const link = await loggedIn();
  const calls = Array.from({ length: 1_000 }, () => link.invoke(new Api.help.GetNearestDc(), inTime));
  expect(await Promise.all(calls)).toHaveLength(1_000);
});

import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Api } from '../../tests/support/gramjs.ts';
import {
  errorOf,
  provePassword,
  signIn,
  startTestTelegram,
  type TestTelegram,
} from '../../tests/support/local-telegram.ts';
import type { Account } from './world/state.ts';

let world: TestTelegram;

beforeAll(async () => {
  world = await startTestTelegram();
});

afterAll(() => world.close());

test.each(['full', 'abridged', 'obfuscated'] as const)(
  'a code logs in over the %s transport',
  async (connection) => {
    const account = world.account({ firstName: 'Ada', username: `ada_${connection}` });
    const client = await world.codeLogin(account, { connection });
    const [me] = await client.invoke(new Api.users.GetUsers({ id: [new Api.InputUserSelf()] }));
    expect(me).toMatchObject({ firstName: 'Ada', self: true, phone: account.phone.slice(1) });
    expect(Number((me as Api.User).id)).toBe(account.id);
  },
);

test('a wrong code is refused, and after five attempts the right one too', async () => {
  const account = world.account();
  const client = await world.connected();
  const settings = new Api.CodeSettings({});
  const { phoneCodeHash } = (await client.invoke(
    new Api.auth.SendCode({ phoneNumber: account.phone, apiId: 1, apiHash: 'x', settings }),
  )) as Api.auth.SentCode;
  const { code } = world.telegram.logins.code(account.phone)!;
  const wrong = code === '00000' ? '11111' : '00000';
  const attempt = (phoneCode: string) =>
    errorOf(client.invoke(new Api.auth.SignIn({ phoneNumber: account.phone, phoneCodeHash, phoneCode })));
  for (let i = 0; i < 5; i += 1) expect(await attempt(wrong)).toBe('PHONE_CODE_INVALID');
  expect(await attempt(code)).toBe('PHONE_CODE_EXPIRED');
});

test('a code expires', async () => {
  const account = world.account();
  const other = await startTestTelegram({ codeLifetimeMs: 50, state: undefined });
  try {
    const there = other.account({ phone: account.phone });
    const client = await other.connected();
    const settings = new Api.CodeSettings({});
    const { phoneCodeHash } = (await client.invoke(
      new Api.auth.SendCode({ phoneNumber: there.phone, apiId: 1, apiHash: 'x', settings }),
    )) as Api.auth.SentCode;
    const known = other.telegram.logins.code(there.phone)!;
    await vi.waitFor(() => expect(other.telegram.logins.isExpired(known)).toBe(true));
    const phone = { phoneNumber: there.phone, phoneCodeHash, phoneCode: known.code };
    expect(await errorOf(client.invoke(new Api.auth.SignIn(phone)))).toBe('PHONE_CODE_EXPIRED');
  } finally {
    await other.close();
  }
});

test('a password is asked for after the code, and proved', async () => {
  const account = world.account({ password: 'correct horse', passwordHint: 'animal' });
  const client = await world.connected();
  expect(await errorOf(signIn(world, client, account))).toBe('SESSION_PASSWORD_NEEDED');
  const asked = await client.invoke(new Api.account.GetPassword());
  expect(asked).toMatchObject({ hasPassword: true, hint: 'animal' });
  expect(await errorOf(provePassword(client, 'wrong'))).toBe('PASSWORD_HASH_INVALID');
  const done = (await provePassword(client, 'correct horse')) as Api.auth.Authorization;
  expect(Number((done.user as Api.User).id)).toBe(account.id);
});

test('a client without a login is told so, and one that logged out too', async () => {
  const client = await world.connected();
  expect(await errorOf(client.invoke(new Api.updates.GetState()))).toBe('AUTH_KEY_UNREGISTERED');
  await signIn(world, client, world.account());
  await client.invoke(new Api.updates.GetState());
  await client.invoke(new Api.auth.LogOut());
  expect(await errorOf(client.invoke(new Api.updates.GetState()))).toBe('AUTH_KEY_UNREGISTERED');
});

test('an unknown phone is refused, and signing up too', async () => {
  const client = await world.connected();
  const settings = new Api.CodeSettings({});
  const unknown = new Api.auth.SendCode({ phoneNumber: '+15550000', apiId: 1, apiHash: 'x', settings });
  expect(await errorOf(client.invoke(unknown))).toBe('PHONE_NUMBER_INVALID');
  const signUp = new Api.auth.SignUp({
    phoneNumber: '+15550000',
    phoneCodeHash: 'x',
    firstName: 'A',
    lastName: 'B',
  });
  expect(await errorOf(client.invoke(signUp))).toBe('PHONE_NUMBER_UNOCCUPIED');
});

test('the account of another data centre is sent there, and an exported authorisation works there', async () => {
  const account = world.account({ dataCenter: 4 });
  // The library follows PHONE_MIGRATE by itself.
  const moved = await world.connected({ dataCenter: 2 });
  const settings = new Api.CodeSettings({});
  await moved.invoke(new Api.auth.SendCode({ phoneNumber: account.phone, apiId: 1, apiHash: 'x', settings }));
  expect(world.telegram.log.counters.errorsByText.get('PHONE_MIGRATE')).toBe(1);
  expect(moved.session.dcId).toBe(4);
  const client = await world.codeLogin(account);
  const exported = await client.invoke(new Api.auth.ExportAuthorization({ dcId: 2 }));
  const there = await world.connected({ dataCenter: 2 });
  const imported = (await there.invoke(
    new Api.auth.ImportAuthorization({ id: exported.id, bytes: exported.bytes }),
  )) as Api.auth.Authorization;
  expect(Number((imported.user as Api.User).id)).toBe(account.id);
  const again = new Api.auth.ImportAuthorization({ id: exported.id, bytes: exported.bytes });
  expect(await errorOf(there.invoke(again))).toBe('AUTH_BYTES_INVALID');
});

async function scanned(account: Account) {
  const phone = await world.client(account);
  const screen = await world.connected();
  const updates: string[] = [];
  screen.addEventHandler((update: Api.TypeUpdate) => void updates.push(update.className));
  const exportToken = () =>
    screen.invoke(new Api.auth.ExportLoginToken({ apiId: 1, apiHash: 'x', exceptIds: [] }));
  const shown = (await exportToken()) as Api.auth.LoginToken;
  await phone.invoke(new Api.auth.AcceptLoginToken({ token: shown.token }));
  await vi.waitFor(() => expect(updates).toContain('UpdateLoginToken'));
  return { screen, exportToken };
}

async function idOf(client: Awaited<ReturnType<TestTelegram['client']>>): Promise<number> {
  const [me] = await client.invoke(new Api.users.GetUsers({ id: [new Api.InputUserSelf()] }));
  return Number((me as Api.User).id);
}

test('a QR token is accepted by another client', async () => {
  const account = world.account();
  const { screen, exportToken } = await scanned(account);
  const done = (await exportToken()) as Api.auth.LoginTokenSuccess;
  expect(Number(((done.authorization as Api.auth.Authorization).user as Api.User).id)).toBe(account.id);
  expect(await idOf(screen)).toBe(account.id);
});

test('after a QR token that was accepted the password is still asked for', async () => {
  const account = world.account({ password: 'secret' });
  const { screen, exportToken } = await scanned(account);
  expect(await errorOf(exportToken())).toBe('SESSION_PASSWORD_NEEDED');
  await provePassword(screen, 'secret');
  expect(await idOf(screen)).toBe(account.id);
});

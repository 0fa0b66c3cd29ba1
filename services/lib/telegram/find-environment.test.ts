import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { quiet } from '../../../tests/support/driver.ts';
import { startControl, type TestControl } from '../../../tests/support/local-telegram-control.ts';
import { startTestTelegram, type TestTelegram } from '../../../tests/support/local-telegram.ts';
import { findTelegram, type TelegramChoice } from './find-environment.ts';

let telegram: TestTelegram;
let control: TestControl;
beforeAll(async () => {
  telegram = await startTestTelegram();
  control = await startControl(telegram.telegram);
});
afterAll(async () => {
  await control.close();
  await telegram.close();
});

const nothing: TelegramChoice = {
  telegramApiId: 0,
  telegramApiHash: undefined,
  localTelegramAddress: undefined,
};
const find = (choice: Partial<TelegramChoice>, timeoutMs = 2_000) =>
  findTelegram(
    { ...nothing, ...choice },
    { apiKey: 'x', clock: systemClock, log: quiet, timeoutMs, signal: new AbortController().signal },
  );

test('an application is the real Telegram’s, also beside the address of a local one', async () => {
  const application = { telegramApiId: 7, telegramApiHash: 'hash' };
  const found = await find({ ...application, localTelegramAddress: control.address });
  expect(found).toMatchObject({ id: 'telegram', apiId: 7, apiHash: 'hash' });
});

test('half an application is an error that names the other half', async () => {
  await expect(find({ telegramApiId: 7 })).rejects.toThrow('TELEGRAM_API_HASH is unset');
  await expect(find({ telegramApiHash: 'hash' })).rejects.toThrow('TELEGRAM_API_ID is unset');
});

test('a local Telegram says where it is and which key it has', async () => {
  const found = await find({ localTelegramAddress: control.address });
  expect([...found!.dataCenters.keys()]).toEqual(telegram.telegram.dataCenters.map(({ id }) => id));
  expect([...found!.publicKeys.keys()]).toEqual([telegram.telegram.serverKey.fingerprint]);
});

test('one that does not answer is waited for, and named in the end', async () => {
  await expect(find({ localTelegramAddress: '127.0.0.1:1' }, 200)).rejects.toThrow('127.0.0.1:1');
});

test('neither is none', async () => {
  expect(await find({})).toBeUndefined();
});

import { expect, test } from 'vitest';
import { homeAt } from './home.ts';
import { readOptions } from './options.ts';
import { localTelegram, services } from './registry.ts';
import { ownEnvironment, runsHere, telegramEnvironment } from './telegram.ts';
import type { Settings } from './settings.ts';

test('the local Telegram stands in until an application is named; everything else always runs', () => {
  expect(runsHere(localTelegram, { telegramApiId: undefined })).toBe(true);
  expect(runsHere(localTelegram, { telegramApiId: '12345' })).toBe(false);
  for (const service of services) expect(runsHere(service, { telegramApiId: '12345' })).toBe(true);
});

test("it keeps its state in the mesh's folder, on free ports when the mesh is ephemeral; a person's own words win", () => {
  const home = homeAt('/somewhere');
  const kept = { options: readOptions([]), env: {} };
  expect(telegramEnvironment(kept, localTelegram, home)).toEqual({
    MTPROTO_PORT: '4430',
    STATE_FILE: '/somewhere/local-telegram.state',
  });
  const passing = { options: readOptions(['--ephemeral']), env: {} };
  expect(telegramEnvironment(passing, localTelegram, home)['MTPROTO_PORT']).toBe('0');
  const own = { options: readOptions([]), env: { MTPROTO_PORT: '5000', STATE_FILE: '/elsewhere' } };
  expect(telegramEnvironment(own, localTelegram, home)).toEqual({
    MTPROTO_PORT: '5000',
    STATE_FILE: '/elsewhere',
  });
});

test.each([
  ['proxy-registry', 'ALLOW_PRIVATE_PROXIES', 'loopback', 'none'],
  ['engagement', 'ENGAGE_ACCOUNT_GAP', '0s', '5s'],
])(
  'beside a local Telegram %s gets %s=%s, unless the person says otherwise',
  (name, variable, value, other) => {
    const service = services.find((one) => one.name === name)!;
    const own = (telegramApiId: string | undefined, env: Record<string, string> = {}) =>
      ownEnvironment(
        { options: readOptions([]), env, settings: { telegramApiId } as Settings },
        service,
        homeAt('/somewhere'),
      );
    expect(own(undefined)).toEqual({ [variable]: value });
    expect(own(undefined, { [variable]: other })).toEqual({ [variable]: other });
    expect(own('12345')).toEqual({});
  },
);

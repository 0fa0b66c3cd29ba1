import { expect, test } from 'vitest';
import { Api } from '#lib/telegram/client.ts';
import { readSentCode } from './sent-code.ts';

const sent = (type: Api.auth.TypeSentCodeType, more: Partial<Api.auth.SentCode> = {}) =>
  readSentCode(new Api.auth.SentCode({ type, phoneCodeHash: 'hash', ...more }));

test('how the code was sent, its length, and how it would be sent next', () => {
  const nextType = new Api.auth.CodeTypeSms();
  expect(sent(new Api.auth.SentCodeTypeApp({ length: 5 }), { nextType, timeout: 60 })).toEqual({
    phoneCodeHash: 'hash',
    kind: 'app',
    length: 5,
    nextKind: 'sms',
    nextInSeconds: 60,
  });
});

test.each([
  [new Api.auth.SentCodeTypeSms({ length: 6 }), 'sms', 6],
  [new Api.auth.SentCodeTypeSmsWord({}), 'sms', 0],
  [new Api.auth.SentCodeTypeFragmentSms({ url: 'x', length: 5 }), 'sms', 5],
  [new Api.auth.SentCodeTypeCall({ length: 5 }), 'call', 5],
  [new Api.auth.SentCodeTypeFlashCall({ pattern: '+7*' }), 'call', 0],
  [new Api.auth.SentCodeTypeMissedCall({ prefix: '+7', length: 4 }), 'call', 4],
  [new Api.auth.SentCodeTypeEmailCode({ emailPattern: 'a***', length: 6 }), 'email', 6],
] as const)('%#: %o', (type, kind, length) => {
  expect(sent(type)).toMatchObject({ kind, length, nextKind: '', nextInSeconds: 0 });
});

test('what Telegram wants first is named', () => {
  expect(sent(new Api.auth.SentCodeTypeSetUpEmailRequired({}))).toEqual({
    instead: 'auth.SentCodeTypeSetUpEmailRequired',
  });
});

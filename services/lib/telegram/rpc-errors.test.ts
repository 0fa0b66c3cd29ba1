import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LinkEnd } from './link.ts';
import { MEANINGS, parseRpcError, verdictOf, verdictOfEnd, type Verdict } from './rpc-errors.ts';

const judge = (code: number, text: string): Verdict => verdictOf(parseRpcError({ code, text }));

test.each([
  ['FLOOD_WAIT_42', 'FLOOD_WAIT', 42],
  ['FLOOD_PREMIUM_WAIT_7', 'FLOOD_PREMIUM_WAIT', 7],
  ['PHONE_MIGRATE_2', 'PHONE_MIGRATE', 2],
  ['FILE_PART_3_MISSING', 'FILE_PART_MISSING', 3],
  ['2FA_CONFIRM_WAIT_900', '2FA_CONFIRM_WAIT', 900],
  ['INTERDC_4_CALL_ERROR', 'INTERDC_CALL_ERROR', 4],
  ['PEER_FLOOD', 'PEER_FLOOD', undefined],
  ['Timeout', 'Timeout', undefined],
  ['', 'UNKNOWN', undefined],
  ['42', 'UNKNOWN', 42],
])('%s is %s and %s', (text, type, argument) => {
  const parsed = parseRpcError({ code: 400, text });
  expect(parsed.type).toBe(type);
  expect(parsed.argument).toBe(argument);
});

test('whatever the text, the type is short and says no number and nothing but words', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 400, unit: 'binary' }), fc.nat(), (text, phone) => {
      const { type } = parseRpcError({ code: 400, text: `${text}+${1_000_000 + phone}` });
      expect(type).toMatch(/^\w{1,64}$/);
      expect(type).not.toMatch(/\d{3}/);
    }),
  );
});

test.each<[number, string, Verdict]>([
  [420, 'FLOOD_WAIT_42', { kind: 'wait', wait: 'flood', seconds: 42 }],
  [420, 'FLOOD_PREMIUM_WAIT_42', { kind: 'wait', wait: 'premium', seconds: 42 }],
  [420, 'SLOWMODE_WAIT_42', { kind: 'wait', wait: 'slow_mode', seconds: 42 }],
  [400, 'PEER_FLOOD', { kind: 'condition', condition: 'limited' }],
  [420, 'FROZEN_METHOD_INVALID', { kind: 'condition', condition: 'frozen' }],
  [400, 'FROZEN_PARTICIPANT_MISSING', { kind: 'condition', condition: 'frozen' }],
  [406, 'AUTH_KEY_DUPLICATED', { kind: 'condition', condition: 'dead_key' }],
  [401, 'AUTH_KEY_UNREGISTERED', { kind: 'condition', condition: 'needs_login' }],
  [401, 'AUTH_KEY_INVALID', { kind: 'condition', condition: 'needs_login' }],
  [401, 'SESSION_REVOKED', { kind: 'condition', condition: 'needs_login' }],
  [401, 'SESSION_EXPIRED', { kind: 'condition', condition: 'needs_login' }],
  [401, 'USER_DEACTIVATED', { kind: 'condition', condition: 'banned' }],
  [401, 'USER_DEACTIVATED_BAN', { kind: 'condition', condition: 'banned' }],
  [400, 'PHONE_NUMBER_BANNED', { kind: 'condition', condition: 'banned' }],
  [401, 'SESSION_PASSWORD_NEEDED', { kind: 'login', step: 'needs_password' }],
  [400, 'PHONE_CODE_INVALID', { kind: 'login', step: 'wrong_answer' }],
  [400, 'PASSWORD_HASH_INVALID', { kind: 'login', step: 'wrong_answer' }],
  [400, 'PHONE_CODE_EXPIRED', { kind: 'login', step: 'starts_over' }],
  [500, 'AUTH_RESTART', { kind: 'login', step: 'starts_over' }],
  [400, 'PHONE_NUMBER_INVALID', { kind: 'login', step: 'input_refused' }],
  [400, 'PHONE_NUMBER_FLOOD', { kind: 'login', step: 'cool_down' }],
  [406, 'PHONE_PASSWORD_FLOOD', { kind: 'login', step: 'cool_down' }],
  [406, 'SEND_CODE_UNAVAILABLE', { kind: 'login', step: 'cool_down' }],
  [400, 'SRP_ID_INVALID', { kind: 'login', step: 'fetch_again' }],
  [303, 'PHONE_MIGRATE_2', { kind: 'migrate', what: 'phone', dataCenter: 2 }],
  [303, 'NETWORK_MIGRATE_3', { kind: 'migrate', what: 'network', dataCenter: 3 }],
  [303, 'USER_MIGRATE_4', { kind: 'migrate', what: 'user', dataCenter: 4 }],
  [303, 'FILE_MIGRATE_5', { kind: 'migrate', what: 'file', dataCenter: 5 }],
  [400, 'API_ID_INVALID', { kind: 'login', step: 'logins_stop' }],
  [400, 'API_ID_PUBLISHED_FLOOD', { kind: 'login', step: 'logins_stop' }],
  [406, 'UPDATE_APP_TO_LOGIN', { kind: 'login', step: 'logins_stop' }],
  [403, 'CHAT_WRITE_FORBIDDEN', { kind: 'refused' }],
  [400, 'USER_BANNED_IN_CHANNEL', { kind: 'refused' }],
  [403, 'PRIVACY_PREMIUM_REQUIRED', { kind: 'refused' }],
  [400, 'SOMETHING_NEW', { kind: 'refused' }],
  [401, 'SOMETHING_NEW', { kind: 'refused' }],
  [500, 'RPC_CALL_FAIL', { kind: 'trouble' }],
  [500, 'RPC_MCGET_FAIL', { kind: 'trouble' }],
  [400, 'RPC_CALL_FAIL', { kind: 'trouble' }],
  [-503, 'Timeout', { kind: 'trouble' }],
  [500, 'SOMETHING_NEW', { kind: 'trouble' }],
  [500, 'RANDOM_ID_DUPLICATE', { kind: 'sent_before' }],
])('%i %s', (code, text, verdict) => {
  expect(judge(code, text)).toEqual(verdict);
});

test('the type decides and not the number, for every type of the table', () => {
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(MEANINGS)), fc.integer(), (type, code) => {
      expect(judge(code, `${type}_2`)).toEqual(judge(400, `${type}_2`));
    }),
  );
});

test.each([
  ['FLOOD_WAIT', 60],
  ['FLOOD_WAIT_0', 1],
  ['FLOOD_WAIT_-5', 60],
  ['FLOOD_WAIT_999999999', 2_592_000],
  ['FLOOD_WAIT_86400', 86_400],
])('%s waits %i seconds', (text, seconds) => {
  expect(judge(420, text)).toMatchObject({ seconds });
});

test('names of what every object has mean nothing', () => {
  expect(judge(400, 'constructor')).toEqual({ kind: 'refused' });
});

test('a migration to nowhere is not followed', () => {
  expect(judge(303, 'USER_MIGRATE')).toEqual({ kind: 'refused' });
  expect(judge(303, 'USER_MIGRATE_0')).toEqual({ kind: 'refused' });
});

describe('the end of a link', () => {
  test('an unknown key is believed the second time', () => {
    const end: LinkEnd = { reason: 'key-unknown' };
    expect(verdictOfEnd(end, false)).toEqual({ kind: 'confirm_key' });
    expect(verdictOfEnd(end, true)).toEqual({ kind: 'condition', condition: 'needs_login' });
  });

  test.each<[LinkEnd, unknown]>([
    [{ reason: 'closed' }, { kind: 'ours' }],
    [
      { reason: 'lost', blame: 'proxy' },
      { kind: 'trouble', culprit: 'either' },
    ],
    [
      { reason: 'lost', blame: 'data-center' },
      { kind: 'trouble', culprit: 'either' },
    ],
    [{ reason: 'protocol' }, { kind: 'trouble', culprit: 'either' }],
    [
      { reason: 'refused', transportCode: -429 },
      { kind: 'back_off', transportCode: -429 },
    ],
  ])('%o', (end, verdict) => expect(verdictOfEnd(end, false)).toEqual(verdict));
});

import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { ErrorReason, ErrorReasonSchema } from '#gen/telegate/errors/v1/errors_pb.ts';
import { DomainError, NotFound, QuotaExceeded } from '#lib/rpc/errors.ts';
import { AccountBanned, FloodWait, NeedsLogin, TelegramRefused } from '#lib/telegram/errors.ts';
import { verdictOf } from '#lib/telegram/rpc-errors.ts';
import { pauseAfter, verdictOfError, withDoubt } from './model.ts';

class Any extends DomainError {
  override readonly code = status.UNKNOWN;
  override readonly reason: ErrorReason;

  constructor(reason: ErrorReason, metadata: Record<string, string> = {}) {
    super('in words', metadata);
    this.reason = reason;
  }
}

const refused = (type: string): TelegramRefused => {
  const error = { code: 400, type };
  return new TelegramRefused(error, verdictOf(error));
};

test.each([
  ['a wait', new FloodWait({ sessionId: 1n, kind: 'flood', seconds: 42 }), { kind: 'wait', forMs: 42_000 }],
  [
    'a ban',
    new AccountBanned('a', 'banned'),
    { kind: 'account_gone', reason: 'Telegram banned the account' },
  ],
  ['a lost login', new NeedsLogin('a'), { kind: 'account_gone', reason: 'the account must log in again' }],
  [
    'a pause of its owner',
    new Any(ErrorReason.SESSION_UNUSABLE, { state: 'paused' }),
    { kind: 'account_gone', reason: 'the account was paused' },
  ],
  ['a quarantine', new Any(ErrorReason.SESSION_UNUSABLE, { state: 'quarantined' }), { kind: 'again' }],
  ['an account of nobody here', new NotFound('session', 'of account x'), { kind: 'account_gone' }],
  ['a channel that is not found', new NotFound('peer', 'username'), { kind: 'skipped', doubtsTarget: true }],
  ["messaging's ceiling", new QuotaExceeded('post_comments', 'x'), { kind: 'skipped', doubtsTarget: false }],
  ["messaging's queue", new QuotaExceeded('session_calls', 'x'), { kind: 'again', isUnsure: false }],
  ['a deleted post', refused('MSG_ID_INVALID'), { kind: 'skipped', reason: 'the post is gone' }],
  [
    'a reaction',
    refused('REACTION_INVALID'),
    { kind: 'skipped', reason: 'the channel does not allow this reaction' },
  ],
  [
    'closed comments',
    new Any(ErrorReason.TELEGRAM_REFUSED),
    { kind: 'skipped', reason: 'comments are closed' },
  ],
  ['a limited account', refused('PEER_FLOOD'), { kind: 'account_gone' }],
  ['trouble at Telegram', refused('RPC_CALL_FAIL'), { kind: 'again', isUnsure: true }],
  [
    'what nobody knows',
    refused('SOMETHING_NEW'),
    { kind: 'failed', reason: 'TELEGRAM_REFUSED: SOMETHING_NEW' },
  ],
  ['a lease of somebody else', new Any(ErrorReason.SESSION_LEASED), { kind: 'again', isUnsure: false }],
  ['no answer', new Any(ErrorReason.DEADLINE_EXCEEDED), { kind: 'again', isUnsure: true }],
  ['nobody there', new Any(ErrorReason.DEPENDENCY_UNAVAILABLE), { kind: 'again', isUnsure: true }],
  ['a fault', new Error('oops'), { kind: 'again', isUnsure: true }],
])('%s', (_, error, verdict) => expect(verdictOfError(error)).toMatchObject(verdict));

test('every reason has a verdict, and none is taken for done', () => {
  for (const { number } of ErrorReasonSchema.values)
    expect(verdictOfError(new Any(number as ErrorReason)).kind).toMatch(
      /^(again|wait|skipped|failed|account_gone)$/,
    );
});

test('pauses double, are spread, and end at a limit', () => {
  expect([1, 2, 3, 30].map((failures) => pauseAfter(failures, 1))).toEqual([1_000, 2_000, 4_000, 300_000]);
  expect(pauseAfter(1, 0)).toBe(500);
  expect(pauseAfter(1, 0, 9_000)).toBe(9_000);
});

test('what is not known is said', () => {
  expect(withDoubt('the post is gone', true)).toContain('not known');
  expect(withDoubt('the post is gone', false)).toBe('the post is gone');
});

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { MessageSchema } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { PostConditions } from '../model.ts';
import { fulfils, postsOf } from './conditions.ts';

const NOW = 1_000_000_000_000;
const any: PostConditions = {
  contains: [],
  excludes: [],
  media: 'any',
  minAgeMs: 0,
  maxAgeMs: 0,
  author: '',
};

const [news, photo] = postsOf([
  create(MessageSchema, {
    messageId: 1n,
    text: 'Große News aus Köln',
    sendTime: timestampFromMs(NOW - 60_000),
  }),
  create(MessageSchema, {
    messageId: 2n,
    mediaKind: 'photo',
    sendTime: timestampFromMs(NOW - 3_600_000),
    sender: { peer: 'user:7', username: 'Anna_P', title: 'Anna Petrowa' },
  }),
]);

test.each<[string, Partial<PostConditions>, boolean, boolean]>([
  ['nothing asked', {}, true, true],
  ['a word, letter case aside', { contains: ['sport', 'GROSSE', 'köLN'] }, true, false],
  ['a word that is not there', { contains: ['sport'] }, false, false],
  ['a word that must not be there', { excludes: ['news'] }, false, true],
  ['media', { media: 'some' }, false, true],
  ['no media', { media: 'none' }, true, false],
  ['at most half an hour old', { maxAgeMs: 1_800_000 }, true, false],
  ['old enough is for its time, not here', { minAgeMs: 7_200_000 }, true, true],
  ['an author by username', { author: '@anna_p' }, false, true],
  ['an author by name', { author: 'anna petrowa' }, false, true],
  ['an author by peer', { author: 'user:7' }, false, true],
  ['another author', { author: 'boris' }, false, false],
])('%s', (_name, wanted, first, second) => {
  const conditions = { ...any, ...wanted };
  expect([fulfils(conditions, news!, NOW), fulfils(conditions, photo!, NOW)]).toEqual([first, second]);
});

test('that somebody joined is no post', () => {
  expect(postsOf([create(MessageSchema, { messageId: 3n, mediaKind: 'service' })])).toEqual([]);
});

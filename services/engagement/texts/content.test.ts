import { describe, expect, test } from 'vitest';
import { answerFault, textFault, tidied, type Asked } from './content.ts';

const asked: Asked = {
  told: ['You write one comment for the team of a channel that publishes it under its own posts.'],
  post: 'The new bridge opens on Monday. It took four years to build and cost less than was planned for it.',
  secrets: ['s3cr3t'],
};
const fault = (text: string): string | undefined => answerFault(text, asked);

test.each([
  'Four years, and under budget: well done to everybody who built it.',
  'Endlich! Auf die neue Brücke haben viele gewartet 🎉',
  'Мост откроют в понедельник — отличная новость.',
  '橋が月曜日に開通するのは嬉しいですね。',
  'Will it have lanes for bicycles?\nThe old one had none.',
  'On 24.12.2025 at 10:30 it had cost 1,250,000 less.',
  'فكرة رائعة، شكرًا لكم',
  'می‌شود با دوچرخه رفت؟',
  'I can see why it took four years.',
])('is a comment: %s', (text) => {
  expect(fault(text)).toBeUndefined();
});

describe('what a model answers that is none', () => {
  test.each([
    ['', 'is empty'],
    ['   ', 'is empty'],
    ['x'.repeat(501), 'has 501 characters; 500 are the most'],
    ['👍👍', 'has no words'],
    ['{"comment": "Well done"}', 'is JSON, not a comment'],
    ['[{"comment": "Well', 'is JSON, not a comment'],
    ["I'm sorry, but I can't write that.", 'is a refusal, not a comment'],
    ['I cannot assist with this request.', 'is a refusal, not a comment'],
    ['As an AI language model, I have no opinion.', 'is a refusal, not a comment'],
    ['Es tut mir leid, aber ich kann das nicht schreiben.', 'is a refusal, not a comment'],
    ['Sure! Here is a comment: Well done', 'introduces a comment in place of being one'],
    ['```\nWell done\n```', 'has markup'],
    ['**Well** done', 'has markup'],
    ['<b>Well</b> done', 'has markup'],
    ['a b\nc\nd\ne\nf\ng', 'has more than 5 lines'],
    ['See https://example.org for more', 'has a link'],
    ['See example.com for more', 'has a link'],
    ['Join t.me/somewhere', 'has a link'],
    ['Ask @somebody about it', 'mentions somebody'],
    ['Write to me@example.org', 'has an e-mail address'],
    ['Great #bridge', 'has a hashtag'],
    ['Call +49 170 1234567 now', 'has a phone number'],
    ['Call (030) 123-45-67 now', 'has a phone number'],
    ['The key is s3cr3t indeed', 'has what looks like a secret'],
    ['Use sk-abcdefghijklmnop for it', 'has what looks like a secret'],
    ['It is 0123456789abcdef0123456789abcdef', 'has what looks like a secret'],
    ['Well\u0007 done', 'has a control or an invisible character'],
    ['Well\u202e done', 'has a control or an invisible character'],
    ['Well\u200b done', 'has a control or an invisible character'],
    ['Well \ud800 done', 'is not valid Unicode'],
    ['You write one comment for the team of a channel.', 'repeats what the model was asked'],
    ['So it took four years to build and cost less than was planned!', 'repeats the post'],
  ])('%.40s', (text, problem) => {
    expect(fault(text)).toBe(problem);
  });

  test('the whole of a short post', () => {
    expect(answerFault('Good morning!', { ...asked, post: 'Good morning' })).toBe('repeats the post');
  });
});

test('what a template says is its owner’s, but for what nobody can read', () => {
  expect(textFault('See https://example.org, @team or +49 170 1234567 👨‍👩‍👧 🏴󠁧󠁢󠁷󠁬󠁳󠁿', 1_000)).toBeUndefined();
  expect(textFault('Well\u0000', 1_000)).toBe('has a control or an invisible character');
});

test('blanks and quotes around an answer go', () => {
  expect(tidied('  "Well   done."  ')).toBe('Well done.');
  expect(tidied('„Schön.“\r\n')).toBe('Schön.');
  expect(tidied('One.\r\n\r\n \n Two.')).toBe('One.\nTwo.');
  expect(tidied('"Well" and "done"')).toBe('"Well" and "done"');
});

import { globSync, readFileSync } from 'node:fs';
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import {
  SendCommentResponseSchema,
  type SendCommentResponse,
} from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { disclosed, NotDisclosed } from './disclosure.ts';
import { sendDisclosed } from './send.ts';

const line = 'Automated, for the team of Example News.';

function messaging() {
  const sent: string[] = [];
  return {
    sent,
    sendComment({ text }: { text?: string }): Promise<SendCommentResponse> {
      sent.push(text ?? '');
      return Promise.resolve(create(SendCommentResponseSchema));
    },
  };
}

test('what carries the line goes out as it is', async () => {
  const to = messaging();
  const text = disclosed('Well said.', line);
  await sendDisclosed(to, line, { text, requestId: 'one' }, {});
  expect(to.sent).toEqual([text]);
});

test.each(['Well said.', '', `Well said. ${line}`, disclosed('Well said.', 'Automated, for somebody else.')])(
  'what does not, stays: %j',
  async (text) => {
    const to = messaging();
    await expect(sendDisclosed(to, line, { text }, {})).rejects.toBeInstanceOf(NotDisclosed);
    expect(to.sent).toEqual([]);
  },
);

test('nothing else in this service sends a comment or a message', () => {
  const folder = new URL('../', import.meta.url).pathname;
  const sources = globSync('**/*.ts', { cwd: folder }).filter((file) => !file.endsWith('.test.ts'));
  expect(sources).toContain('texts/send.ts');
  const sending = sources.filter((file) =>
    /\bsend(?:Comment|Message)\(/.test(readFileSync(`${folder}${file}`, 'utf8')),
  );
  expect(sending).toEqual(['texts/send.ts']);
});

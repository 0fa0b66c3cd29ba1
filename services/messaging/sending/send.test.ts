import { randomUUIDv7 } from 'node:crypto';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { SendMessageRequestSchema } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { FaultMoment, FaultSpecSchema } from '#gen/telegate/local_telegram/v1/faults_pb.ts';
import { TextFormat } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import {
  callOf,
  callsOf,
  openTestMessaging,
  refusal,
  textsBetween,
  type Acting,
  type TestMessaging,
} from '../test-messaging.ts';
import { sendingRoutes } from './routes.ts';

type Changes = Exclude<MessageInitShape<typeof SendMessageRequestSchema>, { $typeName: string }>;

let messaging: TestMessaging;
let ann: Acting;
let bob: Acting;

beforeAll(async () => {
  messaging = await openTestMessaging();
  ann = messaging.acting({ firstName: 'Ann', username: 'ann_sends' });
  bob = messaging.acting({ firstName: '🌵🌵', username: 'Bob_Reads' });
});
afterAll(() => messaging.close());

function request(changes: Changes = {}) {
  return create(SendMessageRequestSchema, {
    actor: ann.actor,
    peer: '@bob_reads',
    text: 'hello',
    requestId: randomUUIDv7(),
    ...changes,
  });
}

async function send(changes: Changes = {}, by: TestMessaging = messaging) {
  const answer = await sendingRoutes(by).sendMessage(request(changes), callOf(messaging.tenantId));
  return answer.message as { messageId: bigint; text: string; peer: { peer: string; title: string } };
}

test('a message arrives, formatted, and an event tells of it', async () => {
  const message = await send({ text: '**a** 🌵', format: TextFormat.MARKDOWN });
  expect(message).toMatchObject({ text: 'a 🌵', peer: { peer: `user:${bob.account.id}`, title: '🌵🌵' } });
  expect(textsBetween(bob.account, ann.account)).toContain('a 🌵');
  const [last] = (await messaging.events()).slice(-1);
  expect(last!.payload).toMatchObject({
    case: 'messageSent',
    value: { accountId: ann.session.accountId, peer: `user:${bob.account.id}`, messageId: message.messageId },
  });
  const sent = ann.account.messages.get(Number(message.messageId))!;
  expect(sent.content.entities).toMatchObject([{ _: 'messageEntityBold', offset: 0, length: 1 }]);
});

test('the same request is sent once, whoever repeats it and when', async () => {
  const requestId = randomUUIDv7();
  const text = 'only once';
  const calls = Array.from({ length: 5 }, () => send({ requestId, text }));
  const first = await Promise.all(calls);
  const asked = callsOf(messaging, ann.account, 'messages.sendMessage');
  const again = await send({ requestId, text }, messaging.restarted());
  expect(callsOf(messaging, ann.account, 'messages.sendMessage')).toBe(asked);
  for (const one of [...first, again]) expect(one.messageId).toBe(first[0]!.messageId);
  expect(textsBetween(bob.account, ann.account).filter((one) => one === text)).toHaveLength(1);
  const events = (await messaging.events()).filter(
    ({ payload }) => payload.case === 'messageSent' && payload.value.messageId === first[0]!.messageId,
  );
  expect(events).toHaveLength(1);
});

test('another body, or another account, under the same request_id is refused', async () => {
  const requestId = randomUUIDv7();
  await send({ requestId });
  for (const changes of [{ text: 'other' }, { actor: bob.actor, peer: '@ann_sends' }]) {
    const { reason } = await refusal(send({ requestId, ...changes }));
    expect(reason).toBe(ErrorReason.REQUEST_ID_REUSED);
  }
});

type Fault = MessageInitShape<typeof FaultSpecSchema>['fault'];

function play(fault: Fault, options: { methods?: string[]; count?: number } = {}): void {
  const { methods = ['messages.sendMessage'], count = 1 } = options;
  const accountIds = [String(ann.account.id)];
  messaging.telegram.telegram.faults.add(
    create(FaultSpecSchema, { scope: { accountIds, methods }, count, fault }),
  );
}

test('what Telegram refuses for good is refused again without asking', async () => {
  const requestId = randomUUIDv7();
  play({ case: 'rpcError', value: { code: 403, text: 'CHAT_WRITE_FORBIDDEN' } });
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const error = await refusal(send({ requestId, text: 'refused' }));
    expect(error).toMatchObject({ metadata: { telegram_error: 'CHAT_WRITE_FORBIDDEN' } });
  }
  expect(textsBetween(bob.account, ann.account)).not.toContain('refused');
});

test('a flood wait is told, and the same request sends afterwards', async () => {
  const requestId = randomUUIDv7();
  play({ case: 'floodWait', value: { wait: { seconds: 1n } } });
  const error = await refusal(send({ requestId, text: 'patience' }));
  expect(error).toMatchObject({ reason: ErrorReason.FLOOD_WAIT, retryAfterMs: 1_000 });
  await expect
    .poll(() => send({ requestId, text: 'patience' }).catch(() => undefined), { timeout: 5_000 })
    .toBeDefined();
  expect(textsBetween(bob.account, ann.account).filter((one) => one === 'patience')).toHaveLength(1);
});

test.each([
  ['before the call', FaultMoment.BEFORE_CALL],
  ['after the call', FaultMoment.AFTER_CALL],
  ['in the middle of its answer', FaultMoment.MID_ANSWER],
])('a connection lost %s', async (when, moment) => {
  play({ case: 'drop', value: { moment } });
  const text = `lost ${when}`;
  await send({ text });
  expect(textsBetween(bob.account, ann.account).filter((one) => one === text)).toHaveLength(1);
});

test('what Telegram says it has is found, and is not taken for another', async () => {
  const text = 'had before';
  const first = await send({ text });
  const requestId = randomUUIDv7();
  const second = await send({ text, requestId });
  await forgetEnd(requestId);
  play({ case: 'rpcError', value: { code: 500, text: 'RANDOM_ID_DUPLICATE' } });
  const found = await send({ text, requestId }, messaging.restarted());
  expect(found.messageId).toBe(second.messageId);
  expect(found.messageId).not.toBe(first.messageId);

  // Two that nobody knows the end of, and nothing tells them apart: sent, and it is not said which.
  const third = randomUUIDv7();
  await send({ text, requestId: third });
  await forgetEnd(requestId);
  await forgetEnd(third);
  play({ case: 'rpcError', value: { code: 500, text: 'RANDOM_ID_DUPLICATE' } });
  expect(await send({ text, requestId: third }, messaging.restarted())).toMatchObject({
    messageId: 0n,
    text,
  });
});

/** As a process leaves it that dies between the answer and its row. */
async function forgetEnd(requestId: string): Promise<void> {
  await sql`update sends set state = 1, answer = null, message_id = 0 where request_id = ${requestId}`.execute(
    messaging.database.kysely,
  );
}

test('a send that nobody knows the end of is repeated with the same random_id', async () => {
  const requestId = randomUUIDv7();
  const text = 'lost answer';
  const message = await send({ requestId, text });
  await forgetEnd(requestId);
  expect((await send({ requestId, text }, messaging.restarted())).messageId).toBe(message.messageId);
  expect(textsBetween(bob.account, ann.account).filter((one) => one === text)).toHaveLength(1);
});

test('by phone and by the form that an answer gave', async () => {
  const { peer } = await send({ peer: bob.account.phone, text: 'by phone' });
  expect(peer.peer).toBe(`user:${bob.account.id}`);
  await send({ peer: peer.peer, text: 'by form' });
  await send({ peer: 'https://t.me/Bob_Reads/17?x=1', text: 'by link' });
  expect(textsBetween(bob.account, ann.account)).toEqual(
    expect.arrayContaining(['by phone', 'by form', 'by link']),
  );
});

test.each([
  ['@nobody_is_this', ErrorReason.NOT_FOUND],
  ['+15559999999', ErrorReason.NOT_FOUND],
  ['user:999999', ErrorReason.NOT_FOUND],
  ['channel:5', ErrorReason.NOT_FOUND],
  ['https://t.me/+AbCdEf', ErrorReason.INVALID_FIELD],
  ['t.me/joinchat/AbCdEf', ErrorReason.INVALID_FIELD],
  ['🌵🌵', ErrorReason.INVALID_FIELD],
  ['', ErrorReason.INVALID_FIELD],
])('nobody is sent to by %s', async (peer, reason) => {
  expect((await refusal(send({ peer }))).reason).toBe(reason);
});

test('bounds', async () => {
  await send({ text: 'a'.repeat(4_096) });
  const tooLong = await refusal(send({ text: 'a'.repeat(4_097) }));
  expect(tooLong.fieldViolations).toMatchObject([{ field: 'text' }]);
  const attachment = { source: { case: 'content', value: Buffer.from('x') } } as const;
  const caption = await refusal(send({ text: 'a'.repeat(1_025), attachment }));
  expect(caption.fieldViolations).toMatchObject([{ field: 'text' }]);
  const bad = await refusal(
    send({
      text: ' ',
      requestId: '',
      replyToMessageId: -1n,
      scheduleTime: timestampFromMs(Date.now() + 400 * 86_400_000),
    }),
  );
  expect(bad.fieldViolations!.map(({ field }) => field).toSorted()).toEqual([
    'reply_to_message_id',
    'request_id',
    'schedule_time',
    'text',
  ]);
});

test('silent, as an answer, and later', async () => {
  const first = await send({ text: 'question' });
  const answer = await send({ text: 'answer', replyToMessageId: first.messageId, silent: true });
  expect(answer).toMatchObject({ replyToMessageId: first.messageId });
  const requestId = randomUUIDv7();
  const scheduleTime = timestampFromMs(Date.now() + 3_600_000);
  const later = await send({ text: 'later', scheduleTime, requestId });
  expect(textsBetween(bob.account, ann.account)).not.toContain('later');
  expect(await send({ text: 'later', scheduleTime, requestId })).toMatchObject({
    messageId: later.messageId,
  });
  expect(ann.account.scheduled.size).toBe(1);
});

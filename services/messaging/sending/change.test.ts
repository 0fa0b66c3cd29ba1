import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomUUIDv7 } from 'node:crypto';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import type { Message } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import { SendMessageRequestSchema } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import {
  callOf,
  openTestMessaging,
  refusal,
  textsBetween,
  type Acting,
  type TestMessaging,
} from '../test-messaging.ts';
import { sendingRoutes } from './routes.ts';

let messaging: TestMessaging;
let ann: Acting;
let bob: Acting;
let cid: Acting;

beforeAll(async () => {
  messaging = await openTestMessaging();
  ann = messaging.acting();
  bob = messaging.acting({ username: 'bob_changes' });
  cid = messaging.acting({ username: 'cid_changes' });
});
afterAll(() => messaging.close());

const call = (): ReturnType<typeof callOf> => callOf(messaging.tenantId);

type Changes = Exclude<MessageInitShape<typeof SendMessageRequestSchema>, { $typeName: string }>;

async function send(text: string, changes: Changes = {}, by: TestMessaging = messaging): Promise<Message> {
  const request = create(SendMessageRequestSchema, {
    actor: ann.actor,
    peer: '@bob_changes',
    text,
    requestId: randomUUIDv7(),
    ...changes,
  });
  return (await sendingRoutes(by).sendMessage(request, call())).message as Message;
}

const edit = (messageId: bigint, text: string, peer = '@bob_changes') =>
  sendingRoutes(messaging).editMessage(
    { actor: ann.actor, peer, messageId, text, format: 0 } as never,
    call(),
  );

const remove = (messageIds: bigint[], peer = '@bob_changes', onlyForMe = false) =>
  sendingRoutes(messaging).deleteMessages({ actor: ann.actor, peer, messageIds, onlyForMe } as never, call());

test('an edit is seen by the other side, and is the same done twice', async () => {
  const { messageId } = await send('first');
  expect((await edit(messageId, 'second')).message).toMatchObject({ messageId, text: 'second' });
  expect((await edit(messageId, 'second')).message).toMatchObject({ messageId, text: 'second' });
  expect(textsBetween(bob.account, ann.account)).toContain('second');
  expect((await refusal(edit(messageId + 1_000n, 'x'))).reason).toBe(ErrorReason.TELEGRAM_REFUSED);
});

test('deleted for both or for one; what is not there, or lies in another chat, is passed over', async () => {
  const [one, two] = [await send('delete 1'), await send('delete 2')];
  const elsewhere = await send('keep', { peer: '@cid_changes' });
  const ids = [one.messageId, elsewhere.messageId, 123_456n];
  expect(await remove(ids)).toEqual({ deletedCount: 1 });
  expect(await remove(ids)).toEqual({ deletedCount: 0 });
  expect(await remove([two.messageId], '@bob_changes', true)).toEqual({ deletedCount: 1 });
  const left = textsBetween(bob.account, ann.account);
  expect([left.includes('delete 1'), left.includes('delete 2')]).toEqual([false, true]);
  expect(textsBetween(cid.account, ann.account)).toEqual(['keep']);
  expect((await refusal(remove([]))).fieldViolations).toMatchObject([{ field: 'message_ids' }]);
});

test('a photo and a document by bytes, a file by its address', async () => {
  const content = Buffer.alloc(700_000, 7);
  const photo = await send('look', {
    attachment: { source: { case: 'content', value: content }, fileName: 'a.png' },
  });
  expect(photo).toMatchObject({ mediaKind: 'photo', text: 'look' });
  const asDocument = {
    source: { case: 'content', value: content },
    fileName: 'a.png',
    asDocument: true,
  } as const;
  expect(await send('', { attachment: asDocument })).toMatchObject({ mediaKind: 'document' });
  const { media } = ann.account.messages.get(Number(photo.messageId))!.content;
  expect(media!.size).toBe(content.length);
  const server = createServer((_, answer) => answer.setHeader('content-type', 'application/pdf').end('%PDF'));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const value = `http://127.0.0.1:${(server.address() as AddressInfo).port}/paper.pdf`;
  const paper = await send('read', { attachment: { source: { case: 'url', value } } });
  server.close();
  expect(ann.account.messages.get(Number(paper.messageId))!.content.media).toMatchObject({
    kind: 'document',
    name: 'paper.pdf',
    mimeType: 'application/pdf',
  });
  const strict = { ...messaging, fetchRules: { ...messaging.fetchRules, privateAddresses: 'none' as const } };
  const error = await refusal(send('x', { attachment: { source: { case: 'url', value } } }, strict));
  expect(error.fieldViolations).toMatchObject([{ field: 'attachment.url' }]);
});

test('a hash that Telegram does not take any more is forgotten and asked for anew', async () => {
  await send('before');
  await messaging.book.written();
  await sql`update peers set access_hash = access_hash + 1 where session_id = ${ann.session.sessionId}`.execute(
    messaging.database.kysely,
  );
  const restarted = messaging.restarted();
  await send('healed', {}, restarted);
  expect(textsBetween(bob.account, ann.account)).toContain('healed');
  await restarted.book.written();
  await sql`update peers set access_hash = access_hash + 1 where session_id = ${ann.session.sessionId}`.execute(
    messaging.database.kysely,
  );
  const byForm = send('lost', { peer: `user:${bob.account.id}` }, messaging.restarted());
  expect((await refusal(byForm)).reason).toBe(ErrorReason.NOT_FOUND);
  const { rows } = await sql`
    select form from peers
    where session_id = ${ann.session.sessionId} and form = ${`user:${bob.account.id}`}`.execute(
    messaging.database.kysely,
  );
  expect(rows).toEqual([]);
});

test('a lease that is lost in the middle of a call ends it, and the repeat is the same message', async () => {
  const dee = messaging.acting();
  await send('hello', { actor: dee.actor });
  const requestId = randomUUIDv7();
  const lost = send('mid-call', { actor: dee.actor, requestId });
  dee.guard.lose();
  const outcome = await lost.then(
    () => 'sent',
    (error: { reason?: ErrorReason }) => error.reason,
  );
  expect(['sent', ErrorReason.LEASE_LOST]).toContain(outcome);
  expect((await refusal(send('after', { actor: dee.actor }))).reason).toBe(ErrorReason.LEASE_LOST);
});

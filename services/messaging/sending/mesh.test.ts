import { randomUUIDv7 } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startMessagingMesh, type MessagingMesh } from '../../../tests/support/messaging.ts';
import { textsBetween } from '../test-messaging.ts';

let mesh: MessagingMesh;
beforeAll(async () => {
  mesh = await startMessagingMesh({ replicas: 2 });
});
afterAll(() => mesh.stop());

test('by account, through a real pool, at whichever replica: sent once', async () => {
  const tenantId = randomUUIDv7();
  const ann = await mesh.session(tenantId);
  const bob = mesh.telegram.account();
  const requestId = randomUUIDv7();
  const actor = { actor: { case: 'accountId', value: ann.accountId } } as const;
  const send = (replica: number) =>
    mesh.client(tenantId, { replica }).sendMessage({ actor, peer: bob.phone, text: 'hello', requestId });
  const answers = [await send(0), await send(1), ...(await Promise.all([send(0), send(1)]))];
  for (const { message } of answers) expect(message).toEqual(answers[0]!.message);
  expect(answers[0]!.message).toMatchObject({ text: 'hello', outgoing: true });
  expect(textsBetween(bob, ann.account)).toEqual(['hello']);
  expect(await mesh.doubledKeys()).toEqual([]);
});

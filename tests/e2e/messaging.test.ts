import { randomUUIDv7 } from 'node:crypto';
import { Client as Channel, credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { MessagingService } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { servicePrincipal } from '#lib/auth/principal.ts';
import { faultless } from '../support/any-input.ts';
import {
  startMessagingMesh,
  type MessagingClient,
  type MessagingMesh,
  type TestSession,
} from '../support/messaging.ts';

type Method = keyof typeof MessagingService.method;

let mesh: MessagingMesh;
let theirs: TestSession & { tenantId: string; client: MessagingClient };

beforeAll(async () => {
  mesh = await startMessagingMesh();
  const tenantId = randomUUIDv7();
  const client = mesh.client(tenantId);
  theirs = { ...(await mesh.session(tenantId)), tenantId, client };
  await client.getMe({ actor: byAccount() });
});
afterAll(() => mesh.stop());

const byAccount = () => ({ actor: { case: 'accountId' as const, value: theirs.accountId } });
const bySession = () => ({ actor: { case: 'sessionId' as const, value: theirs.sessionId } });

/** One row a method: how a stranger would reach for an account that is not theirs. */
const reaches: Record<
  Method,
  (stranger: MessagingClient, actor: ReturnType<typeof byAccount>) => Promise<unknown>
> = {
  sendMessage: (stranger, actor) =>
    stranger.sendMessage({ actor, peer: 'user:5000000001', text: 'hello', requestId: randomUUIDv7() }),
  editMessage: (stranger, actor) =>
    stranger.editMessage({ actor, peer: 'user:5000000001', messageId: 1n, text: 'hello' }),
  deleteMessages: (stranger, actor) =>
    stranger.deleteMessages({ actor, peer: 'user:5000000001', messageIds: [1n] }),
  listDialogs: (stranger, actor) => stranger.listDialogs({ actor }),
  listUnread: (stranger, actor) => stranger.listUnread({ actor }),
  getHistory: (stranger, actor) => stranger.getHistory({ actor, peer: 'user:5000000001' }),
  markRead: (stranger, actor) => stranger.markRead({ actor, peer: 'user:5000000001' }),
  getMe: (stranger, actor) => stranger.getMe({ actor }),
  resolvePeer: (stranger, actor) => stranger.resolvePeer({ actor, peer: 'user:5000000001' }),
  getPosts: (stranger, actor) => stranger.getPosts({ actor, channel: 'channel:1' }),
  sendComment: (stranger, actor) =>
    stranger.sendComment({
      actor,
      channel: 'channel:1',
      postId: 1n,
      text: 'hello',
      requestId: randomUUIDv7(),
    }),
  sendReaction: (stranger, actor) =>
    stranger.sendReaction({ actor, peer: 'channel:1', messageId: 1n, emoji: '👍' }),
  getChannelRole: (stranger, actor) => stranger.getChannelRole({ actor, channel: 'channel:1' }),
  async watchMessages(stranger) {
    const stream = stranger.watchMessages({ accountIds: [theirs.accountId] });
    try {
      for await (const event of stream) return event;
    } finally {
      stream.cancel();
    }
    return undefined;
  },
  async listConnections(stranger) {
    const { connections } = await stranger.listConnections({});
    return connections.length === 0 ? 'nothing' : connections;
  },
};

describe.each(Object.keys(MessagingService.method) as Method[])('%s', (method) => {
  test('another tenant does not find the account, and learns nothing of it', async () => {
    const stranger = mesh.client(randomUUIDv7());
    for (const actor of [byAccount(), bySession()] as ReturnType<typeof byAccount>[]) {
      const outcome = await reaches[method](stranger, actor).catch((error: unknown) => error);
      const reason = ErrorReason.NOT_FOUND;
      expect(outcome === 'nothing' ? { reason } : outcome).toMatchObject({ reason });
      expect(JSON.stringify((outcome as { metadata?: unknown }).metadata ?? '')).not.toContain(
        theirs.tenantId,
      );
    }
  });

  test('without its scope it is refused', async () => {
    const client = mesh.client(theirs.tenantId, { scopes: ['pool:read'] });
    await expect(reaches[method](client, byAccount())).rejects.toMatchObject({
      reason: ErrorReason.SCOPE_MISSING,
    });
  });

  test('whatever is sent to it, it is answered', async () => {
    const tenantId = randomUUIDv7();
    const { accountId, sessionId } = await mesh.session(tenantId);
    const { address } = mesh.replicas[0]!;
    const channel = new Channel(address, credentials.createInsecure());
    const metadata = new Metadata();
    const token = await mesh.pool.tokenOf(servicePrincipal('tests', tenantId));
    metadata.set('authorization', `Bearer ${token}`);
    try {
      const known = { accountId: [accountId], accountIds: [accountId], sessionId: [sessionId] };
      expect(
        await faultless(MessagingService.method[method], {
          channel,
          metadata,
          known,
          process: mesh.replicas[0]!,
        }),
      ).toBe(true);
    } finally {
      channel.close();
    }
  }, 120_000);
});

test('its admin port tells that it is ready, and what it counts', async () => {
  const { admin } = mesh.replicas[0]!;
  expect((await fetch(`${admin}/readyz`)).status).toBe(200);
  const metrics = await (await fetch(`${admin}/metrics`)).text();
  expect(metrics).toMatch(/^telegate_messaging_connections\{[^}]*telegate_state="connected"[^}]*\} [1-9]/m);
  expect(metrics).toMatch(/^telegate_messaging_calls_queued\{?[^}]*\}? 0/m);
  expect(metrics).toMatch(/^telegate_messaging_updates_oldest/m);
  expect(metrics).toMatch(/^telegate_telegram_breakers/m);
});

import { randomUUIDv7 } from 'node:crypto';
import { Client as Postgres } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CampaignKind } from '#gen/telegate/engagement/v1/campaign_pb.ts';
import {
  startEngagementMesh,
  WITHOUT_LIMITS,
  type EngagementMesh,
  type TestChannel,
} from '../support/engagement.ts';
import { startModelServer, type ModelServer } from '../support/model-server.ts';
import type { ServiceProcess } from '../support/service-process.ts';

const ACCOUNTS = 6;
const POSTS = 10;
const KILLS = 4;
const MODEL_KEY = 'canary-key-of-the-model';
const LETTERS = '{a|b|c|d|e|f|g|h|i|j}';

let mesh: EngagementMesh;
let model: ModelServer;
let sql: Postgres;

beforeAll(async () => {
  model = await startModelServer();
  mesh = await startEngagementMesh({
    replicas: 2,
    env: {
      ...WITHOUT_LIMITS,
      ACTION_LEASE: '1s',
      MODEL_BASE_URL: model.url,
      MODEL_NAME: 'writer-1',
      MODEL_API_KEY: MODEL_KEY,
    },
  });
  sql = new Postgres({ connectionString: mesh.pool.database.url });
  await sql.connect();
}, 180_000);
afterAll(async () => {
  await sql.end();
  await mesh.stop();
  await model.close();
});

async function count(...states: string[]): Promise<number> {
  const { rows } = await sql.query<{ count: string }>(
    'select count(*) as count from engagement.actions where state = any($1::text[])',
    [states],
  );
  return Number(rows[0]!.count);
}

async function commentsUnder({ channelId, postIds }: TestChannel) {
  const pages = await Promise.all(
    postIds.map((postId) =>
      mesh.control.control.listMessages({
        peer: { peer: { case: 'channelId', value: channelId } },
        commentOnPostId: Number(postId),
        showDeleted: true,
      }),
    ),
  );
  return pages.flatMap(({ messages }) => messages);
}

test('processes that are killed again and again do each action once, and every action ends', async () => {
  const tenantId = randomUUIDv7();
  const accounts = await mesh.accounts(tenantId, ACCOUNTS);
  const client = mesh.client(tenantId);
  const begin = async (comments: { templates: string[] } | { prompt: string }): Promise<TestChannel> => {
    const channel = await mesh.channel(accounts[0]!, POSTS);
    const { target } = await client.registerTarget({ channel: `@${channel.username}` });
    await client.createCampaign({
      campaign: {
        targetId: target!.targetId,
        kind: CampaignKind.COMMENT,
        posts: { postIds: channel.postIds },
        accounts: { accountIds: accounts.map(({ accountId }) => accountId) },
        comments,
      },
    });
    return channel;
  };
  const channels = await Promise.all([
    begin({ templates: [`${LETTERS} ${LETTERS} ${LETTERS}`] }),
    begin({ prompt: 'Say something kind.' }),
  ]);
  const wanted = ACCOUNTS * POSTS;

  let living: ServiceProcess[] = [...mesh.replicas];
  const all = [...living];
  for (let kill = 1; kill <= KILLS; kill += 1) {
    // In the middle of things: so much is done by then, and more is on its way.
    const mark = Math.floor((2 * wanted * kill) / (KILLS + 2));
    await expect.poll(() => count('done'), { timeout: 60_000, interval: 5 }).toBeGreaterThanOrEqual(mark);
    const [victim, ...others] = living;
    await victim!.stop('SIGKILL');
    const next = await mesh.replica();
    all.push(next);
    living = [...others, next];
  }
  await expect
    .poll(() => count('done', 'failed', 'skipped'), { timeout: 90_000, interval: 50 })
    .toBe(2 * wanted);

  expect(await count('done')).toBe(2 * wanted);
  for (const channel of channels) {
    const comments = await commentsUnder(channel);
    const places = comments.map((one) => `${one.senderAccountId} at ${one.commentOnPostId}`);
    expect(new Set(places).size).toBe(places.length);
    expect(comments).toHaveLength(wanted);
    expect(new Set(comments.map(({ text }) => text)).size).toBe(wanted);
  }
  expect(await mesh.messaging.doubledKeys()).toEqual([]);
  const said = all.map(({ log, stderr }) => JSON.stringify(log) + stderr()).join();
  expect(said).not.toContain(MODEL_KEY);
}, 240_000);

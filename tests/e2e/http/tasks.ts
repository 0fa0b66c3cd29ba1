import { expect, test } from 'vitest';
import { ChannelKind } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import type { HttpMesh, HttpProfile, HttpUser } from '../../support/http-mesh.ts';

let channels = 0;

export function taskCases(mesh: () => HttpMesh): void {
  /** A channel that the profile's account made, open to comments, with posts. */
  async function channelOf(
    { account }: HttpProfile,
    posts = 2,
  ): Promise<{ name: string; postIds: number[] }> {
    const { control } = mesh().processes.control;
    const username = `http_channel_${(channels += 1)}`;
    const { channel } = await control.createChannel({
      kind: ChannelKind.BROADCAST,
      title: 'News',
      username,
      creatorAccountId: String(account.id),
      withDiscussionGroup: true,
    });
    const made = await control.createPosts({
      channelId: channel!.channelId,
      posts: Array.from({ length: posts }, (_, index) => ({ text: `Post ${index}` })),
    });
    return { name: `@${username}`, postIds: made.posts.map(({ messageId }) => messageId) };
  }

  async function owner(): Promise<{ ann: HttpUser; profile: HttpProfile }> {
    const ann = await mesh().user();
    return { ann, profile: await mesh().profile(ann) };
  }

  async function ended(token: string, id: string): Promise<void> {
    await expect
      .poll(async () => (await mesh().call(`GET /tasks/${id}`, { token })).body, { timeout: 20_000 })
      .toMatchObject({ status: 'done', finished_at: expect.any(String) });
  }

  test('reactions: the channel is registered on the way, and the task is followed to its end', async () => {
    const { call } = mesh();
    const { ann, profile } = await owner();
    const { token } = ann;
    const { name, postIds } = await channelOf(profile);
    const made = await call('POST /tasks/reaction', {
      token,
      json: { channel: name, post_ids: postIds, accounts: [profile.phone], reactions: ['👍', '👍', '🔥'] },
    });
    expect(made).toMatchObject({
      status: 201,
      body: { type: 'reaction', channel: name, progress: { total: expect.any(Number) } },
    });
    await ended(token, made.body.id);
    const { body } = await call(`GET /tasks/${made.body.id}`, { token });
    expect(body.progress).toMatchObject({ total: 2, done: 2, failed: 0 });
    expect((await call('GET /tasks/', { token })).body).toMatchObject([{ id: body.id, channel: name }]);
    expect((await call('GET /tasks/?status=done', { token })).body).toHaveLength(1);
    expect((await call('GET /tasks/?status=running', { token })).body).toEqual([]);
    expect(await call(`POST /tasks/${body.id}/cancel`, { token })).toMatchObject({ status: 409 });
  }, 30_000);

  test('comments from templates, each disclosed; views; both as forms', async () => {
    const { call } = mesh();
    const { ann, profile } = await owner();
    const { token } = ann;
    const { name } = await channelOf(profile);
    const comments = await call('POST /tasks/comment', {
      token,
      form: { channel: name, latest: '1', count: '1', tone: 'positive', templates: '{Good|Nice} news!' },
    });
    expect(comments).toMatchObject({ status: 201, body: { type: 'comment' } });
    const views = await call('POST /tasks/view', { token, form: { channel: name, latest: '2' } });
    expect(views).toMatchObject({ status: 201, body: { type: 'view' } });
    for (const { body } of [comments, views]) await ended(token, body.id);
  }, 30_000);

  test('a channel of somebody else: 403 with what to do', async () => {
    const { call } = mesh();
    const { name } = await channelOf((await owner()).profile);
    const { ann } = await owner();
    const refused = await call('POST /tasks/view', { token: ann.token, json: { channel: name, latest: 1 } });
    expect(refused).toMatchObject({
      status: 403,
      body: { detail: expect.stringMatching(/administrator/) },
    });
    expect((await call('GET /tasks/', { token: ann.token })).body).toEqual([]);
  });

  test('cancelled, it stops for good', async () => {
    const { call } = mesh();
    const { ann, profile } = await owner();
    const { token } = ann;
    const { name } = await channelOf(profile);
    const made = await call('POST /tasks/view', {
      token,
      json: { channel: name, latest: 2, accounts: [profile.id], interval: 3_600, variation: 0 },
    });
    expect(made.status).toBe(201);
    const gone = await call(`POST /tasks/${made.body.id}/cancel`, { token });
    expect(gone).toMatchObject({ status: 200, body: { status: 'cancelled' } });
    expect(await call(`GET /tasks/${made.body.id}`, { token })).toMatchObject({
      body: { status: 'cancelled', progress: { planned: 0 } },
    });
    const other = await mesh().user();
    for (const target of [
      `GET /tasks/${made.body.id}`,
      'GET /tasks/17',
      `POST /tasks/${made.body.id}/cancel`,
    ])
      expect(await call(target, { token: other.token })).toEqual(
        expect.objectContaining({ status: 404, body: { detail: 'Task not found' } }),
      );
  });

  test('faults are named as these clients name their fields', async () => {
    const { call } = mesh();
    const { ann, profile } = await owner();
    const { token } = ann;
    const { name } = await channelOf(profile);
    const rows: [string, object, (string | number)[]][] = [
      ['view', { channel: name }, ['body', 'post_ids']],
      ['view', { channel: name, latest: 1, post_ids: [1] }, ['body', 'post_ids']],
      ['view', { latest: 1 }, ['body', 'channel']],
      ['view', { channel: name, latest: 'all' }, ['body', 'latest']],
      ['view', { channel: name, latest: 1, variation: 2 }, ['body', 'variation']],
      ['reaction', { channel: name, latest: 1 }, ['body', 'reactions']],
      ['reaction', { channel: name, latest: 1, reactions: '👍'.repeat(40) }, ['body', 'reactions']],
      ['comment', { channel: name, latest: 1, tone: 'angry', prompt: 'x' }, ['body', 'tone']],
    ];
    for (const [kind, json, loc] of rows)
      expect(await call(`POST /tasks/${kind}`, { token, json })).toMatchObject({
        status: 422,
        body: { detail: expect.arrayContaining([expect.objectContaining({ loc })]) },
      });
  });
}

import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LocalTelegramService } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import { startCli, type CliRun } from '../../tests/support/cli.ts';
import { startWholeMesh, type WholeMesh } from '../../tests/support/whole-mesh.ts';
import { callCli } from './fixtures/in-process.ts';

let whole: WholeMesh;
let env: NodeJS.ProcessEnv;
let telegram: Client<typeof LocalTelegramService>;
let channel: string;
let postIds: string[];

const cli = (args: string | readonly string[], input = ''): Promise<CliRun> =>
  callCli(typeof args === 'string' ? args.split(' ') : args, { env, cwd: whole.folder, input });

async function json<T = Record<string, unknown>>(args: string | readonly string[], input = ''): Promise<T> {
  const words = typeof args === 'string' ? args.split(' ') : args;
  const { code, stdout, stderr } = await cli([...words, '--json'], input);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as T;
}

beforeAll(async () => {
  whole = await startWholeMesh();
  env = { TELEGATE_HOME: whole.folder };
  telegram = connect(LocalTelegramService, {
    address: whole.mesh.endpoints['local_telegram']!.grpc,
    apiKey: whole.mesh.apiKey,
  });
  const phone = `+1560${String(randomInt(10_000_000)).padStart(7, '0')}`;
  const { account } = await telegram.createAccount({ account: { phone, firstName: 'Editor' } });
  await cli(['login', phone, '--name', 'editor', '--label', 'team=news']);
  const { code } = await telegram.getLoginCode({ phone, wait: { seconds: 10n } });
  await cli(['login', phone], `${code!.code}\n`);
  channel = `news${randomInt(1_000_000)}`;
  const made = await telegram.createChannel({
    title: 'News',
    username: channel,
    creatorAccountId: account!.accountId,
    withDiscussionGroup: true,
  });
  const posts = await telegram.createPosts({
    channelId: made.channel!.channelId,
    posts: [{ text: 'The bridge opens.' }, { text: 'The library is open.' }],
  });
  postIds = posts.posts.map(({ messageId }) => String(messageId));
}, 120_000);
afterAll(async () => {
  telegram?.close();
  await whole?.stop();
}, 60_000);

test('a channel is registered, verified and listed; one that is not is refused in plain words', async () => {
  expect(await cli(`campaign targets register @${channel}`)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(new RegExp(`@${channel} .* verified `)),
  });
  expect(await cli(`campaign targets verify @${channel}`)).toMatchObject({ code: 0 });
  expect(await json('campaign targets list')).toMatchObject({ targets: [{ username: channel }] });
  expect(await cli('campaign list --target @nowhere')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('telegate campaign targets register @nowhere'),
  });
});

test('a campaign is shown, run with its progress, and listed with its actions', async () => {
  const file = join(whole.folder, 'campaign.yaml');
  await writeFile(
    file,
    [
      `target: "@${channel}"`,
      'kind: comment',
      `posts: { postIds: [${postIds.join(', ')}] }`,
      'accounts: { accountIds: [editor] }',
      'comments: { templates: ["{Thanks|Thank you} for {this|the news}!"] }',
    ].join('\n'),
  );
  const preview = await cli(['campaign', 'preview', '--file', file, '--samples', '1']);
  expect(preview).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^2 actions of 1 accounts at 2 posts(?:.*\n)+ {2}Thank/),
  });
  const run = await cli(['campaign', 'run', '--file', file]);
  expect(run).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/█{30} {2}done, 2 of 2 done\n(?:.*\n)*state +done\n/),
  });
  const [, id] = /^id +(\S+)$/m.exec(run.stdout)!;
  expect((await cli(['campaign', 'actions', id!, '--account', 'editor'])).stdout).toMatch(
    / comment +\d+ +\S+ +done .* Thank.*\n.* comment +\d+ +\S+ +done /,
  );
  expect(await json(`campaign get ${id}`)).toMatchObject({ campaign: { state: 'CAMPAIGN_STATE_DONE' } });
  expect((await cli(`campaign list --target @${channel} --state done`)).stdout).toContain(id);
  expect((await cli(['campaign', 'watch', id!])).code).toBe(0);
}, 90_000);

test('by options; paused, resumed and cancelled; a watch that is ended leaves it alone', async () => {
  const created = await json<{ campaign: { campaignId: string } }>([
    ...`campaign create --target @${channel} --kind reaction --upcoming --label team=news`.split(' '),
    '--reaction',
    '👍=3',
    '--reaction',
    '🔥',
    '--interval',
    '5m',
    '--variation',
    '0.1',
    '--request-id',
    'c1',
  ]);
  const { campaignId } = created.campaign;
  expect(created).toMatchObject({
    campaign: {
      reactions: [
        { emoji: '👍', weight: 3 },
        { emoji: '🔥', weight: 1 },
      ],
      pace: { interval: '300s' },
    },
  });
  const watching = startCli(['campaign', 'watch', campaignId], { env });
  await watching.says(/running/);
  watching.signal('SIGINT');
  expect(await watching.done).toMatchObject({ code: 0, stderr: expect.stringContaining('goes on') });
  expect((await cli(`campaign pause ${campaignId} --reason lunch`)).stdout).toMatch(/state +paused: lunch/);
  expect((await cli(`campaign resume ${campaignId}`)).stdout).toMatch(/state +(?:running|scheduled)\n/);
  expect((await cli('campaign kill-switch on --reason complaints')).stdout).toMatch(/campaigns paused +1\n/);
  expect((await cli('campaign kill-switch')).stdout).toMatch(/^tenant +on since .*: complaints\nmesh +off/);
  expect((await cli('doctor')).stdout).toMatch(/warn +campaigns +the kill switch is on: complaints/);
  expect((await cli('campaign kill-switch off')).code).toBe(0);
  expect((await cli(`campaign cancel ${campaignId}`)).stdout).toMatch(/state +cancelled/);
  expect((await cli(['campaign', 'watch', campaignId])).code).toBe(1);
}, 60_000);

test.each([
  ['campaign create', 'A campaign needs --target and --kind'],
  ['campaign create --kind dance', '--kind must be one of comment, '],
  ['campaign create --post 1 --latest 2', 'Only one of --post'],
  ['campaign create --account a --label a=b', 'Only one of --account'],
  ['campaign create --variation 2', '--variation must be'],
  ['campaign kill-switch maybe', 'on or off'],
  ['campaign create --file nowhere.yaml', 'can not be read: ENOENT'],
])('misuse: telegate %s', async (args, says) => {
  expect(await cli(args)).toMatchObject({ code: 2, stderr: expect.stringContaining(says) });
});

test.each([
  ['{', 'neither YAML nor JSON'],
  ['- a list', 'must hold the fields'],
  ['colour: blue', 'The campaign can not be read'],
])('a file that is no campaign: %s', async (text, says) => {
  expect(await cli('campaign create --file -', text)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(says),
  });
});

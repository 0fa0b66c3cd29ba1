import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { connect } from '#lib/rpc/client.ts';
import { runCli, startCli, type CliOptions } from '../../tests/support/cli.ts';
import {
  startPoolMesh,
  telethonString,
  type PoolClient,
  type PoolMesh,
} from '../../tests/support/session-pool.ts';
import { callCli } from './fixtures/in-process.ts';

let mesh: PoolMesh;
let env: NodeJS.ProcessEnv;
let operator: PoolClient;
let folder: string;
beforeAll(async () => {
  mesh = await startPoolMesh();
  const { address } = mesh.replicas[0]!;
  env = { TELEGATE_ENDPOINT: address, TELEGATE_API_KEY: mesh.operatorKey };
  operator = connect(SessionPoolService, { address, apiKey: mesh.operatorKey });
  folder = await mkdtemp(join(tmpdir(), 'telegate-cli-'));
});
afterAll(async () => {
  operator.close();
  await mesh.stop();
  await rm(folder, { recursive: true, force: true });
});

const cli = (args: string, options: Pick<CliOptions, 'env' | 'input'> = {}) =>
  callCli(args.split(' '), { env, cwd: folder, ...options });

async function json(args: string, options: Pick<CliOptions, 'env' | 'input'> = {}) {
  const { code, stdout, stderr } = await cli(`${args} --json`, options);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
}

const importSession = (name: string, more = ''): ReturnType<typeof cli> =>
  cli(`sessions import ${name} - --environment local${more}`, { input: telethonString() });

describe('sessions', () => {
  test('are imported from a file or the standard input, and shown', async () => {
    const file = join(folder, 'one.session');
    await writeFile(file, `${Buffer.from(telethonString()).toString()}\n`);
    expect(await cli(`sessions import one ${file} --format telethon_string --label team=a`)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^id +\d+\nname +one\nstate +free\nlabels +team=a\n/),
      stderr: '',
    });
    expect(await importSession('two', ' --label team=b')).toMatchObject({ code: 0 });
    expect(await json('sessions get two')).toMatchObject({
      session: { name: 'two', state: 'SESSION_STATE_FREE', labels: { team: 'b' }, floodWaits: [] },
    });
    expect(await cli('sessions list --label team=b')).toMatchObject({
      stdout: expect.stringMatching(/^ID +NAME +STATE .*\n\d+ +two +free +– +– +team=b +–\n$/),
    });
    const listed = await cli('sessions list --prefix o --limit 1 --state free');
    expect(listed.stdout.split('\n')).toHaveLength(3);
    expect(await json('sessions list --state banned')).toEqual({ sessions: [], nextPageToken: '' });
    expect((await cli('sessions list --state banned')).stdout).toBe('No sessions.\n');
    expect(await cli('sessions list --limit 1')).toMatchObject({
      stderr: 'There are more than 1; --limit shows more.\n',
    });
  });

  test('what is no session is refused, and said once', async () => {
    expect(await cli('sessions import bad -', { input: 'no session' })).toMatchObject({
      code: 1,
      stdout: '',
    });
    expect(await cli('sessions import bad -')).toMatchObject({
      code: 2,
      stderr: 'the standard input is empty. See: telegate sessions import --help\n',
    });
    expect(await cli(`sessions import bad ${folder}/nothing`)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('can not be read: ENOENT'),
    });
    expect(await cli('sessions import bad -', { input: Buffer.alloc(1_048_577) })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('more than 1048576 bytes'),
    });
  });

  test('are labelled: what is not named stays', async () => {
    await importSession('labelled', ' --label kept=1 --label gone=1');
    const { session } = await json('sessions label labelled tier=2 gone- empty=');
    expect(session).toMatchObject({ labels: { kept: '1', tier: '2', empty: '' } });
    expect(await cli('sessions label labelled tier')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('key=value'),
    });
  });

  test('are taken out, put back and deleted', async () => {
    await importSession('worn');
    expect(await json('sessions invalidate worn --as needs_login --reason tired')).toMatchObject({
      session: { state: 'SESSION_STATE_NEEDS_LOGIN', stateReason: 'tired' },
    });
    expect(await cli('lease --session worn')).toMatchObject({ code: 1 });
    expect((await cli('sessions get worn')).stdout).toMatch(/state +needs_login: tired/);
    expect(await json('sessions restore worn')).toMatchObject({ session: { state: 'SESSION_STATE_FREE' } });
    const { lease } = await operator.acquireLease({ selector: { name: 'worn' } });
    expect(await cli('sessions delete worn')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/leased by .*telegate lease revoke/),
    });
    expect((await cli('sessions delete worn --force')).stdout).toMatch(
      /^Session \d+ \(worn\) is deleted\.\n$/,
    );
    expect(lease).toBeDefined();
    expect(await cli('sessions get worn')).toMatchObject({
      code: 1,
      stderr: 'There is no session worn. See: telegate sessions list.\n',
    });
  });

  test('digits are an id or a name, and asked about when they are both', async () => {
    await importSession('79990001122');
    expect(await json('sessions get 79990001122')).toMatchObject({ session: { name: '79990001122' } });
    const { session } = await json('sessions get name:79990001122');
    const { sessionId } = session as { sessionId: string };
    await importSession(sessionId);
    expect(await cli(`sessions get ${sessionId}`)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`id:${sessionId} or name:${sessionId}`),
    });
    expect(await json(`sessions get id:${sessionId}`)).toMatchObject({ session: { name: '79990001122' } });
    expect(await json(`sessions get name:${sessionId}`)).toMatchObject({ session: { name: sessionId } });
  });
});

describe('leases', () => {
  test('are listed and revoked, at once or after a grace', async () => {
    await importSession('busy', ' --label for=revoke');
    const selector = { name: 'busy' };
    const { lease } = await operator.acquireLease({ selector, holder: 'worker\u202e7' });
    const { leaseId } = lease!;
    // The holder's name can not turn the line around.
    expect((await cli('leases')).stdout).toMatch(
      new RegExp(`^${leaseId} +\\d+ +busy +worker�7 +[\\d:]+ \\(in \\d+ s\\) .* mediated +–$`, 'm'),
    );
    expect(await json('leases --holder nobody')).toEqual({ leases: [], nextPageToken: '' });
    expect((await json('leases --limit 1000'))['leases']).toContainEqual(
      expect.objectContaining({ leaseId, fencingToken: '0' }),
    );
    expect((await cli(`lease revoke ${leaseId} --grace 10s --reason wanted`)).stdout).toMatch(
      /asked to give it up; the lease ends at .* \(in \d+ s\) at the latest/,
    );
    expect(await json(`lease revoke ${leaseId}`)).toEqual({ endTime: expect.any(String) });
    expect(await cli(`lease revoke ${leaseId}`)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^There is no lease .* See: telegate leases\.\n$/),
    });
  });
});

test('sync compares the folder, or says that there is none', async () => {
  expect(await cli('sync')).toMatchObject({ code: 1, stderr: expect.stringContaining('SESSIONS_DIR') });
});

describe('status', () => {
  test('counts for people and for programs', async () => {
    const { stdout } = await cli('status');
    expect(stdout).toMatch(/^sessions +\d+\nfree +\d+\nleased +\d+\n/);
    const { status } = await json('status');
    expect(status).toMatchObject({ total: expect.any(Number), banned: 0, waiting: 0 });
  });

  test('--watch gives a line a change, goes on at the next address, and ends well by Ctrl-C', async () => {
    const watching = startCli(['status', '--watch', '--json'], {
      env: { ...env, TELEGATE_ENDPOINT: `127.0.0.1:1,${env['TELEGATE_ENDPOINT']}` },
    });
    const people = startCli(['status', '--watch'], { env });
    const totalOf = (line: string) => (JSON.parse(line) as { status: { total: number } }).status.total;
    const before = totalOf(await watching.says(/total/));
    await people.says(new RegExp(`sessions ${before} `));
    await importSession('seen');
    expect(totalOf(await watching.says(/total/))).toBe(before + 1);
    await people.says(new RegExp(`^[\\d:]{8} +sessions ${before + 1} +free \\d+ +leased \\d+ .*waiting 0$`));
    watching.signal('SIGINT');
    people.signal('SIGTERM');
    expect(await watching.done).toMatchObject({ code: 0, stderr: '' });
    expect(await people.done).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('what can not be done', () => {
  test.each([
    ['', 'Say what to do.'],
    ['nothing', 'There is no command "nothing".'],
    ['sessions', 'sessions needs to know more: sessions list, '],
    ['status now', 'telegate status takes nothing but options.'],
    ['sessions get', 'ID|NAME is missing: telegate sessions get ID|NAME.'],
    ['sessions list --state tired', '--state must be one of free, leased, '],
    ['sessions list --limit 0', '--limit must be a number from 1 to '],
    ['lease --ttl 30', '--ttl must be a duration like 250ms, 30s, 5m or 1h.'],
    ['lease --colour', "Unknown option '--colour'."],
    ['status --endpoint nowhere', '--endpoint must look like host:port'],
  ])('misuse: telegate %s', async (args, says) => {
    const { code, stdout, stderr } = await runCli(args.split(' ').filter(Boolean), { env });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(says);
    expect(stderr).toMatch(/See: telegate .*--help\n$/);
  });

  test('a key on the command line is refused, and not repeated', async () => {
    const { code, stderr } = await cli('status --api-key=tgop_canary');
    expect(code).toBe(2);
    expect(stderr).toContain('--api-key-file');
    expect(stderr).not.toContain('canary');
  });

  test('without a mesh it says how to start one', async () => {
    expect(await runCli(['status'], { cwd: folder })).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^No mesh runs here: .*npm start/),
    });
    const gone = { ...env, TELEGATE_ENDPOINT: '127.0.0.1:1' };
    for (const command of ['status', 'status --watch', 'lease', 'sessions list'])
      expect({ command, ...(await cli(command, { env: gone })) }).toMatchObject({
        command,
        code: 3,
        stderr: expect.stringMatching(/^No answer at 127\.0\.0\.1:1\. .*npm start/),
      });
    expect(JSON.parse((await cli('status --json', { env: gone })).stderr)).toMatchObject({
      error: { reason: 'UNREACHABLE' },
    });
  });

  test('with a wrong key it says where the key came from', async () => {
    const keyFile = join(folder, 'key');
    await writeFile(keyFile, 'tgop_wrong\n');
    const { code, stderr } = await cli(`status --api-key-file ${keyFile}`);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /unknown, expired or revoked.* The key came from --api-key-file, for TELEGATE_ENDPOINT/,
    );
    expect(stderr).not.toContain('tgop_wrong');
  });

  test('the mesh names each field that is wrong; a script gets the same as JSON', async () => {
    const text = await cli(`lease --ttl 2h --holder ${'x'.repeat(129)}`);
    expect(text).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^The mesh refuses:\n {2}\w+: .+\n {2}\w+: .+\n$/),
    });
    const { code, stderr } = await cli(`lease --ttl 2h --json`);
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({
      error: {
        reason: 'INVALID_FIELD',
        code: 'INVALID_ARGUMENT',
        fieldViolations: [{ field: 'ttl', description: expect.any(String) }],
      },
    });
  });
});

test('help is an answer, not an error', async () => {
  expect(await cli('--help')).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringMatching(/^telegate: /),
  });
  const { stdout } = await cli('lease revoke --help');
  expect(stdout).toMatch(
    /^telegate lease revoke LEASE_ID \[options\]: .*Examples:\n {2}telegate lease revoke/s,
  );
  expect((await cli('help lease revoke')).stdout).toBe(stdout);
});

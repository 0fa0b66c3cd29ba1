import { writeFile, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LocalTelegramService } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import { startCli, type CliRun } from '../../tests/support/cli.ts';
import { startSocks5, type Socks5Server } from '../../tests/support/socks5.ts';
import { callCli } from './fixtures/in-process.ts';
import { startWholeMesh, type WholeMesh } from '../../tests/support/whole-mesh.ts';

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';

let whole: WholeMesh;
let env: NodeJS.ProcessEnv;
let telegram: Client<typeof LocalTelegramService>;
let socks: Socks5Server;

beforeAll(async () => {
  whole = await startWholeMesh();
  env = { TELEGATE_HOME: whole.folder };
  const { mesh } = whole;
  telegram = connect(LocalTelegramService, {
    address: mesh.endpoints['local_telegram']!.grpc,
    apiKey: mesh.apiKey,
  });
  socks = await startSocks5({ username: 'anna', password: 'canary-proxy' });
}, 120_000);
afterAll(async () => {
  telegram?.close();
  await socks?.close();
  await whole?.stop();
}, 60_000);

interface CallOptions {
  env?: NodeJS.ProcessEnv;
  input?: string;
}

const cli = (args: string | readonly string[], options: CallOptions = {}): Promise<CliRun> =>
  callCli(typeof args === 'string' ? args.split(' ') : args, { env, cwd: whole.folder, ...options });

async function json<T = Record<string, unknown>>(
  args: string | readonly string[],
  options: CallOptions = {},
): Promise<T> {
  const words = typeof args === 'string' ? args.split(' ') : args;
  const { code, stdout, stderr } = await cli([...words, '--json'], options);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as T;
}

let phones = 0;
/** Who there is at Telegram, by phone. */
const personIds = new Map<string, string>();
async function person(more: { password?: string; username?: string } = {}): Promise<string> {
  phones += 1;
  const phone = `+1558${String(phones).padStart(7, '0')}`;
  const account = { phone, firstName: `Person ${phones}`, ...more };
  personIds.set(phone, (await telegram.createAccount({ account })).account!.accountId);
  return phone;
}

const codeOf = async (phone: string): Promise<string> =>
  (await telegram.getLoginCode({ phone, wait: { seconds: 30n } })).code!.code;

interface LoggedIn {
  phone: string;
  username: string;
  accountId: string;
  sessionId: string;
}

async function loggedIn(name: string): Promise<LoggedIn> {
  const username = `cli_${name}`;
  const phone = await person({ username });
  const at = startCli(['login', phone, '--name', name, '--json'], { env, holdInput: true });
  at.types(await codeOf(phone));
  const { code, stdout, stderr } = await at.done;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { account } = JSON.parse(stdout) as { account: { accountId: string; sessionId: string } };
  return { phone, username, ...account };
}

describe('login', () => {
  test('asks for the code and the password; a wrong one is explained and asked for again', async () => {
    const phone = await person({ password: 'canary-password' });
    const at = startCli(['login', phone, '--label', 'team=support'], { env, holdInput: true });
    await at.complains(/Telegram sent a code of \d characters .*to \+1558/);
    const code = await codeOf(phone);
    at.types(code === '11111' ? '22222' : '11111');
    await at.complains(/The code is wrong; \d+ attempts are left\./);
    at.types(code);
    at.types('not it');
    await at.complains(/The password is wrong; /);
    at.types('canary-password');
    const { code: exit, stdout, stderr } = await at.done;
    expect({ exit, stdout }).toEqual({
      exit: 0,
      stdout: expect.stringMatching(/state +authorised\n(?:.*\n)*.*its session is in the pool\.\n$/),
    });
    expect(stdout).toContain('team=support');
    expect(stdout + stderr).not.toContain('canary');
  });

  test('answers that end are said, and the same command goes on with the login', async () => {
    const phone = await person();
    expect(await cli(['login', phone])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/The login lives until .*\n.*no more lines/s),
    });
    const code = await codeOf(phone);
    expect(await cli(['login', phone], { input: `${code}\n` })).toMatchObject({ code: 0 });
  });

  test('Ctrl-C gives it up', async () => {
    const phone = await person();
    const at = startCli(['login', phone], { env, holdInput: true });
    await at.complains(/Telegram sent/);
    at.signal('SIGINT');
    expect(await at.done).toMatchObject({ code: 130, stderr: expect.stringContaining('given up') });
    // A new one begins: the first is not gone on with.
    const again = startCli(['login', phone, '--json'], { env, holdInput: true });
    await expect.poll(async () => telegram.getLoginCode({ phone }).then(({ code }) => code)).toBeTruthy();
    again.signal('SIGINT');
    await again.done;
  });

  test('--qr shows a code until somebody accepts it; the password is asked for', async () => {
    const phone = await person({ password: 'canary-password' });
    const people = startCli(['login', '--qr'], { env, holdInput: true });
    await people.says(/^[█▀▄ ]{20,}$/);
    people.signal('SIGINT');
    expect((await people.done).code).toBe(130);
    const at = startCli(['login', '--qr', '--json'], { env, holdInput: true });
    const { tokenLink } = JSON.parse(await at.says(/tg:/)) as { tokenLink: string };
    const token = Buffer.from(new URL(tokenLink).searchParams.get('token')!, 'base64url');
    await telegram.acceptLoginToken({ accountId: personIds.get(phone)!, token });
    at.types('canary-password');
    const { code, stdout } = await at.done;
    expect(code).toBe(0);
    expect(stdout).toContain('LOGIN_STATE_AUTHORISED');
  });

  test('a phone that can not log in is refused in plain words', async () => {
    expect(await cli('login +15580000999999')).toMatchObject({ code: 1, stdout: '' });
    expect(await cli('login')).toMatchObject({ code: 2, stderr: expect.stringContaining('or --qr') });
    expect(await cli('login --qr +15551234567')).toMatchObject({ code: 2 });
  });
});

describe('accounts', () => {
  test('are created, found by phone, name and id, changed, paused, resumed and deleted', async () => {
    const created = await json<{ account: { accountId: string } }>([
      ...'accounts create +15590000001'.split(' '),
      'Desk one',
      '--label',
      'team=a',
      '--paused',
    ]);
    const { accountId } = created.account;
    expect(created).toMatchObject({ account: { status: 'ACCOUNT_STATUS_PAUSED', labels: { team: 'a' } } });
    for (const name of [accountId, '+15590000001', 'Desk one'])
      expect(await json(['accounts', 'get', name])).toMatchObject({ account: { accountId } });
    expect((await cli('accounts list --query 15590000001')).stdout).toMatch(
      new RegExp(
        `^ACCOUNT +PHONE .*\\n${accountId} +\\+15590000001 +Desk one +paused +new +– +team=a +–\\n$`,
      ),
    );
    expect(
      await json([
        'accounts',
        'update',
        accountId,
        '--name',
        'Desk 1',
        '--label',
        'tier=2',
        '--label',
        'team-',
      ]),
    ).toMatchObject({ account: { name: 'Desk 1', labels: { tier: '2' } } });
    expect(await json(['accounts', 'resume', accountId])).toMatchObject({
      account: { status: 'ACCOUNT_STATUS_ACTIVE' },
    });
    expect(await cli(['accounts', 'pause', accountId])).toMatchObject({
      stdout: expect.stringMatching(/status +paused/),
    });
    expect(await cli(['accounts', 'update', accountId])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Say what to change'),
    });
    expect(await cli(['accounts', 'delete', accountId])).toMatchObject({
      code: 0,
      stdout: 'The account +15590000001 Desk 1 is deleted.\n',
    });
    expect(await cli(['accounts', 'get', accountId])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('telegate accounts list'),
    });
    expect(await cli(['accounts', 'get', 'Desk 1'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('No account is called'),
    });
  });

  test('are checked at Telegram, and logged out', async () => {
    const { phone, sessionId } = await loggedIn('checked');
    expect(await cli(['accounts', 'check', phone])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/username +@cli_checked\n(?:.*\n)*Telegram answered in \d+ ms\.\n$/),
    });
    expect(await json(['accounts', 'get', `session:${sessionId}`])).toMatchObject({ account: { phone } });
    await expect
      .poll(async () => (await cli(['accounts', 'logout', phone])).stdout, { timeout: 30_000, interval: 500 })
      .toMatch(/state +needs_login/);
  });
});

describe('messages', () => {
  let anna: LoggedIn;
  let ben: LoggedIn;
  test('need accounts that are logged in', async () => {
    anna = await loggedIn('anna');
    ben = await loggedIn('ben');
    expect((await cli('accounts list --state authorised')).stdout).toMatch(/ anna .*\n(?:.*\n)*.* ben /);
  }, 60_000);

  test('are sent, watched as text and as JSON, and a watch goes on by its cursor file', async () => {
    const cursorFile = join(whole.folder, 'ben.cursor');
    const watching = startCli(['watch', ben.phone, '--json', '--cursor-file', cursorFile], { env });
    await watching.says(/CONNECTION_STATE_CONNECTED/);
    const people = startCli(['watch', ben.phone], { env });
    await people.says(/ben {2}account +connected/);
    const sent = await cli(['send', `@${ben.username}`, 'hello ben', '--account', anna.phone]);
    expect(sent).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Sent to .* as message \d+ at /) });
    const line = JSON.parse(await watching.says(/messageAdded/)) as { messageAdded: { text: string } };
    expect(line.messageAdded.text).toBe('hello ben');
    watching.signal('SIGINT');
    expect(await watching.done).toMatchObject({ code: 0, stderr: '' });
    expect((await readFile(cursorFile, 'utf8')).trim()).not.toBe('');

    const whileAway = await json<{ message: { messageId: string } }>(
      ['send', `@${ben.username}`, '--account', 'anna', '--silent'],
      { input: 'while away\n' },
    );
    await people.says(/received .*while away/);
    people.signal('SIGTERM');
    expect((await people.done).code).toBe(0);
    const back = startCli(['watch', 'ben', '--messages', '--json', '--cursor-file', cursorFile], { env });
    expect(JSON.parse(await back.says(/messageAdded/))).toMatchObject({
      messageAdded: { text: 'while away' },
    });
    back.signal('SIGINT');
    await back.done;
    expect(Number(whileAway.message.messageId)).toBeGreaterThan(0);
  }, 60_000);

  test('a request id sends once; answers, files and later times are taken', async () => {
    const once = [
      'send',
      `@${ben.username}`,
      'only once',
      '--session',
      anna.sessionId,
      '--request-id',
      'once-1',
    ];
    const first = await json<{ message: { messageId: string } }>(once);
    expect(await json(once)).toEqual(first);
    const { messageId } = first.message;
    expect(
      await json(['send', `@${ben.username}`, 'an answer', '--account', anna.phone, '--reply-to', messageId]),
    ).toMatchObject({ message: { replyToMessageId: messageId } });
    const file = join(whole.folder, 'note.txt');
    await writeFile(file, 'attached');
    expect(
      await json(['send', `@${ben.username}`, 'see file', '--account', anna.phone, '--file', file]),
    ).toMatchObject({ message: { mediaKind: 'document', text: 'see file' } });
    expect(
      await cli(['send', `@${ben.username}`, 'later', '--account', anna.phone, '--at', '2h']),
    ).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Telegram sends it to .*\(in (?:2 h|1 h 59 min)\)\.\n$/),
    });
  }, 60_000);

  test('by a lease that telegate lease holds', async () => {
    // One that messaging does not keep connected.
    const carl = await loggedIn('carl');
    const holder = startCli(['lease', '--session', carl.sessionId], { env });
    const line = await holder.says(/granted/);
    const [, lease, token] = new RegExp(`lease (${UUID}), token (\\d+)`).exec(line)!;
    const sent = await cli(['send', `@${ben.username}`, 'leased', '--lease', lease!, '--token', token!]);
    expect(sent).toMatchObject({ code: 0 });
    const stale = await cli(['send', `@${ben.username}`, 'x', '--lease', lease!, '--token', '1', '--json']);
    expect(stale.code).toBe(1);
    expect(JSON.parse(stale.stderr)).toMatchObject({ error: { reason: 'LEASE_LOST' } });
    const others = await cli(['send', `@${ben.username}`, 'x', '--account', carl.phone]);
    expect(others).toMatchObject({ code: 1, stderr: expect.stringContaining('telegate leases') });
    holder.signal('SIGINT');
    expect((await holder.done).code).toBe(0);
  }, 60_000);

  test('a flood wait: the exit code, the time, and the id to repeat it with', async () => {
    const fault = { case: 'floodWait' as const, value: { wait: { seconds: 3_000n } } };
    const scope = { accountIds: [personIds.get(anna.phone)!], methods: ['messages.sendMessage'] };
    await telegram.createFault({ spec: { scope, fault, count: 1 } });
    const { code, stderr } = await cli(['send', `@${ben.username}`, 'x', '--account', anna.phone, '--json']);
    expect(code).toBe(5);
    expect(JSON.parse(stderr)).toMatchObject({
      error: { reason: 'FLOOD_WAIT', retryDelay: expect.stringMatching(/s$/) },
      requestId: expect.any(String),
    });
    const text = await cli(['send', `@${ben.username}`, 'x', '--account', anna.phone]);
    expect(text).toMatchObject({ code: 5, stderr: expect.stringMatching(/--request-id [\w-]{36}/) });
  });

  test.each([
    ['send @x hello', 'Say who acts'],
    ['send @x hello --account a --session b', 'Only one of'],
    ['send @x hello --lease a', 'belong together'],
    ['send @x hello --account a --at soon', '--at must be a time'],
    ['send @x hello --account a --reply-to one', '--reply-to must be a number'],
    ['send @x - --account a', 'the standard input is empty'],
  ])('misuse: telegate %s', async (args, says) => {
    expect(await cli(args)).toMatchObject({ code: 2, stderr: expect.stringContaining(says) });
  });
});

// Last: a list of proxies that reach nothing leaves new logins no way out.
describe('proxies', () => {
  test('are added with a password from a pipe, checked, listed and removed; nothing shows the password', async () => {
    const address = `${socks.host}:${socks.port}`;
    const added = await cli(
      ['proxies', 'add', address, '--username', 'anna', '--name', 'good', '--country', 'DE'],
      {
        input: 'canary-proxy\n',
      },
    );
    expect(added).toMatchObject({ code: 0, stdout: expect.stringContaining(address) });
    expect(await cli('proxies check good')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(new RegExp(`^${address} {2}(?:up|slow) .*\\n$`)),
    });
    const listed = await cli('proxies list --country DE');
    expect(listed.stdout).toMatch(/ good +(?:up|slow) +\d+ ms +\d+(?: of \d+)? +DE /);
    expect(await cli('proxies assignments --proxy good')).toMatchObject({ stdout: 'No assignments.\n' });
    expect(await cli(`proxies remove ${address}`)).toMatchObject({ code: 0 });
    expect(await cli(`proxies remove ${address}`)).toMatchObject({ code: 2 });
    expect(JSON.stringify([added, listed])).not.toContain('canary');
  });

  test('a list is imported: progress, faults by their line, what is there counted', async () => {
    const lines = Array.from({ length: 600 }, (_, index) => `127.0.1.${(index % 200) + 1}:${2_000 + index}`);
    lines[3] = 'canary-not a proxy';
    lines[400] = '127.0.1.1:99999';
    lines[599] = lines[0]!;
    const file = join(whole.folder, 'proxies.txt');
    await writeFile(file, `# of a provider\n${lines.join('\n')}\n`);
    const { code, stdout, stderr } = await cli(['proxies', 'import', file, '--label', 'import=1']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(/^line 5: .+\nline 402: .+\n597 added, 1 there already, 2 lines at fault\.\n$/);
    expect(stdout).not.toContain('canary');
    const again = await cli(['proxies', 'import', '-', '--json'], { input: lines.slice(10, 20).join('\n') });
    expect(JSON.parse(again.stdout)).toEqual({ proxyIds: [], duplicateCount: 10, faults: [] });
    expect(await cli('proxies list --label import=1 --limit 1')).toMatchObject({
      stderr: 'There are more than 1; --limit shows more.\n',
    });
  }, 60_000);

  test('what is no address, and a password on the command line, are refused', async () => {
    for (const bad of ['nowhere', '1.2.3.4', '1.2.3.4:0', 'u:p@1.2.3.4:1080'])
      expect(await cli(['proxies', 'add', bad])).toMatchObject({ code: 2 });
    expect(await cli('proxies add 1.2.3.4:1080 --password canary')).toMatchObject({ code: 2 });
    expect(await cli('proxies add 1.2.3.4:1080 --password-file x')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--username'),
    });
  });

  test('one that is down: the check says so, by its exit code too', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    await json(`proxies add 127.0.0.1:${port} --name dead`);
    expect(await cli('proxies check dead')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/down: /),
    });
    expect(await cli('proxies remove dead')).toMatchObject({ code: 0 });
  });
});

describe('keys', () => {
  test('are made, do what their scopes allow, are listed and revoked', async () => {
    const made = await json<{ apiKey: { keyId: string }; secret: string }>(
      'keys create reader --scope pool:read --expires 1d',
    );
    const { keyId } = made.apiKey;
    const own = { env: { ...env, TELEGATE_API_KEY: made.secret } };
    expect(await cli('status', own)).toMatchObject({ code: 0 });
    expect(await cli('lease', own)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('TELEGATE_API_KEY'),
    });
    expect((await cli('keys list')).stdout).toMatch(
      new RegExp(`${keyId} +reader +\\S+ +pool:read +.* \\(in `),
    );
    expect(await cli(`keys revoke ${keyId}`)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/revoked +\d/),
    });
    await expect.poll(async () => (await cli('status', own)).code).toBe(1);
    const text = await cli('keys create other --scope pool:read');
    expect(text.stdout).toMatch(/\n\n\S{20,}\n\nThat is the key\. /);
    expect(await cli('keys create none')).toMatchObject({ code: 2 });
  });
});

test('one endpoint serves all: the gateway; a single service says that it is not it', async () => {
  const { endpoints, apiKey } = whole.mesh;
  const at = (endpoint: string) => ({ env: { TELEGATE_ENDPOINT: endpoint, TELEGATE_API_KEY: apiKey } });
  const gateway = at(endpoints['gateway']!.grpc);
  for (const command of ['status', 'accounts list', 'proxies list', 'keys list'])
    expect({ command, ...(await cli(command, gateway)) }).toMatchObject({ command, code: 0 });
  expect(await cli('accounts list', at(endpoints['session_pool']!.grpc))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('the gateway (port 8080) serves everything'),
  });
});

import { randomBytes, randomInt } from 'node:crypto';
import { LocalTelegramService } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import type { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import { leaseOverOlderHttp } from './demo-gateway.ts';
import type { Tour } from './demo-tour.ts';
import { check, told } from './demo-tour.ts';
import type { MeshFile } from './mesh-file.ts';

const DEADLINE_MS = 15_000;
const LOOK_EVERY_MS = 100;

export interface HttpTour {
  tour: Tour;
  mesh: MeshFile;
  /** `http://host:port` of the gateway. */
  url: string;
  pool: Client<typeof SessionPoolService>;
  clock: Clock;
  /** Distinguishes what this tour makes from that of others. */
  name: string;
}

/** As clients of the older systems call it: plain fetch, JSON and forms. */
interface Site extends HttpTour {
  readonly telegram: Client<typeof LocalTelegramService>;
  call(target: string, body?: object): Promise<Answered>;
  /** Headers that say who calls. */
  credentials: Record<string, string>;
}

// oxlint-disable-next-line typescript/no-explicit-any -- JSON, as these clients take it
type Answered = any;

interface Member {
  readonly id: string;
  readonly phone: string;
  readonly telegramId: string;
}

/** The tour once more, by the paths of the older HTTP systems. */
export async function httpTour(options: HttpTour): Promise<void> {
  const { tour, mesh } = options;
  await leaseOverOlderHttp(options);
  const local = mesh.endpoints['local_telegram'];
  if (mesh.telegram?.kind !== 'local' || !local) return;
  const telegram = connect(LocalTelegramService, {
    address: local.grpc,
    apiKey: mesh.apiKey,
    defaultDeadlineMs: DEADLINE_MS,
  });
  tour.afterwards('closing a connection', () => Promise.resolve(telegram.close()));
  const site: Site = {
    ...options,
    telegram,
    credentials: {},
    call: (target, body) => request(site, target, body),
  };
  await register(site);
  const reader = await logIn(site, 'a password', randomBytes(9).toString('base64url'));
  const writer = await logIn(site, 'a code alone');
  await sendAndRead(site, { reader, writer });
  await lists(site, [reader, writer]);
  if (mesh.endpoints['engagement']) await task(site, writer);
  await logOut(site);
}

async function request({ url, credentials }: Site, target: string, body?: object): Promise<Answered> {
  const [method, path] = target.split(' ') as [string, string];
  const answer = await fetch(url + path, {
    method,
    headers: {
      ...credentials,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  const text = await answer.text();
  check(answer.ok, `${target} to succeed, not ${answer.status} ${text.slice(0, 200)}`);
  return JSON.parse(text);
}

async function register(site: Site): Promise<void> {
  const { tour, name, call } = site;
  await tour.step('over older HTTP, a user registers and logs in', async () => {
    const login = { email: `${name}-http@example.org`, password: randomBytes(12).toString('base64url') };
    await call('POST /auth/register', login);
    const tokens = await call('POST /auth/login', login);
    site.credentials = { authorization: `Bearer ${tokens.access_token}` };
    return told(`POST /auth/login, a token for ${tokens.expires_in} s`);
  });
}

async function logIn({ tour, telegram, call }: Site, how: string, password?: string): Promise<Member> {
  return tour.step(`over older HTTP, an account logs in by ${how}`, async () => {
    const phone = `+1558${String(randomInt(10_000_000)).padStart(7, '0')}`;
    const wanted = { phone, firstName: 'Demo', password: password ?? '' };
    const { account } = await telegram.createAccount({ account: wanted });
    await call('POST /profiles/start', { phone });
    const { code } = await telegram.getLoginCode({ phone, wait: { seconds: 5n } });
    let step = await call('POST /profiles/code', { phone, code: code!.code });
    if (password !== undefined) {
      check(step.status === 'password_required', 'the password to be asked for');
      step = await call('POST /profiles/password', { phone, password });
    }
    check(step.status === 'authorized', 'the account to be authorized');
    const { id } = step.profile;
    tour.afterwards(`deleting ${phone}`, () => call(`DELETE /accounts/${id}?force=true`));
    return told(`${phone} is ${step.status}`, { id, phone, telegramId: account!.accountId });
  });
}

async function sendAndRead(
  { tour, name, call }: Site,
  { reader, writer }: { reader: Member; writer: Member },
): Promise<void> {
  await tour.step('over older HTTP, one writes to the other', async () => {
    const text = `hello over HTTP from ${name}`;
    // Who was never met has no name yet that a number could stand for: the phone does.
    const sent = await call('POST /messages/send', { phone: writer.phone, text, tg_receiver: reader.phone });
    const unread = await call('POST /messages/unread', { phone: reader.phone });
    check(
      unread.some((message: Answered) => message.text === text),
      `“${text}” among the unread`,
    );
    const dialogs = await call('POST /messages/dialogs', { phone: reader.phone });
    const me = await call(`GET /utils/me?phone=${encodeURIComponent(reader.phone)}`);
    return told(`message ${sent.id}; ${unread.length} unread in ${dialogs.length} dialogs of ${me.name}`);
  });
}

async function lists({ tour, call }: Site, members: readonly Member[]): Promise<void> {
  await tour.step('over older HTTP, accounts, proxies and health', async () => {
    const accounts = await call('GET /accounts/?status=active');
    check(accounts.length === members.length, `${members.length} accounts`);
    const proxy = await call('POST /proxies/', { host: '127.0.0.1', port: 1_080 });
    await call(`DELETE /proxies/${proxy.id}`);
    const health = await call('GET /health');
    return told(`${accounts.length} accounts; ${health.status}: ${Object.keys(health.services).join(', ')}`);
  });
}

/** A channel of its own at the local Telegram, which the account administers. */
async function task({ tour, telegram, call, clock, name }: Site, owner: Member): Promise<void> {
  await tour.step('over older HTTP, a task reacts to a post', async () => {
    const username = `${name.replaceAll('-', '_')}_http`;
    const { channel } = await telegram.createChannel({
      title: 'Demo over HTTP',
      username,
      creatorAccountId: owner.telegramId,
    });
    await telegram.createPosts({ channelId: channel!.channelId, posts: [{ text: 'a post' }] });
    const made = await call('POST /tasks/reaction', {
      channel: `@${username}`,
      latest: 1,
      accounts: [owner.phone],
      reactions: ['👍'],
    });
    const until = clock.monotonic() + DEADLINE_MS;
    for (;;) {
      const now = await call(`GET /tasks/${made.id}`);
      if (now.status === 'done') {
        check(now.progress.done === 1, 'one action to be done');
        return told(`task ${now.status}: ${now.progress.done} of ${now.progress.total} in ${now.channel}`);
      }
      check(clock.monotonic() < until, `the task to be done, not ${now.status} (${now.status_reason})`);
      await pause(clock, LOOK_EVERY_MS);
    }
  });
}

async function logOut(site: Site): Promise<void> {
  const { tour, url, call } = site;
  await tour.step('over older HTTP, a log-out ends both tokens', async () => {
    const { credentials } = site;
    // With it the accounts are deleted at the end.
    const key = await call('POST /telegate.account_auth.v1.IdentityService/CreateApiKey', {
      name: 'demo',
      scopes: ['account:write'],
    });
    await call('POST /logout');
    const refused = await fetch(`${url}/profiles`, { headers: credentials });
    check(refused.status === 401, `401 for the token, not ${refused.status}`);
    site.credentials = { 'X-API-Key': key.secret };
    return told('POST /logout, and 401 from then on');
  });
}

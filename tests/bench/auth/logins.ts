import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { connect } from '#lib/rpc/client.ts';
import { Api } from '#lib/telegram/client.ts';
import { direct } from '#lib/telegram/egress.ts';
import { localTelegram } from '#lib/telegram/environment.ts';
import { LoginConnection, type LoginKey } from '#lib/telegram/login-connection.ts';
import { createLogger } from '#lib/telemetry/log.ts';
import { openBench } from '../pool/bench.ts';
import { startProgram, sumOf } from '../pool/system.ts';
import type { Line } from '../report.ts';
import { startLocal, type Local } from '../telegram/local.ts';

export interface LoginsBench {
  readonly logins: number;
}

const IN_FLIGHT = 16;
/** Of the driver alone: enough to know its rate. */
const BARE_LOGINS = 200;
/** Where memory is looked at, as shares of all logins. */
const MARKS = [0.1, 0.5, 1];
/** Once it is warm, twice as many logins take no more of it. */
const MOST_GROWTH = 1.15;
const MIB = 2 ** 20;
const MAIN = fileURLToPath(new URL('../../../services/account-auth/main.ts', import.meta.url));
const CALL_MS = 20_000;

/** Accounts log in by code against the local Telegram: the driver alone, then through account-auth into the pool. */
export async function measureLogins({ logins }: LoginsBench): Promise<Line[]> {
  const keys = {
    TELEGATE_MESH_KEY: randomBytes(32).toString('base64'),
    TELEGATE_MASTER_KEY: `1:${randomBytes(32).toString('base64')}`,
  };
  const local = await startLocal();
  const bench = await openBench({
    seconds: 1,
    rounds: 1,
    events: undefined,
    profileFolder: undefined,
    say: (text) => console.error(text),
  });
  try {
    const system = await bench.start({ sessions: 0, env: keys });
    const service = await startProgram(
      [MAIN],
      {
        PATH: process.env['PATH'],
        DATABASE_URL: system.url,
        ...(bench.natsUrl === undefined ? {} : { NATS_URL: bench.natsUrl }),
        ...keys,
        TELEGATE_OPERATOR_KEY: system.apiKey,
        GRPC_PORT: '0',
        ADMIN_PORT: '0',
        SESSION_POOL_ADDRESS: system.address,
        LOCAL_TELEGRAM_ADDRESS: local.address,
        TELEGRAM_LOGINS_PER_TENANT: '1000000',
        HEALTH_SWEEP_PER_MINUTE: '0',
        LOG_LEVEL: 'info',
      },
      'serving',
    );
    try {
      const bare = await bareRate(local);
      const { rate, cpuMs, memory } = await throughService(local, service.said, system.apiKey, logins);
      return linesOf({ logins, bare, rate, cpuMs, memory });
    } finally {
      await service.stop();
    }
  } finally {
    await bench.stop();
    await local.stop();
  }
}

interface Measured {
  logins: number;
  bare: number;
  rate: number;
  cpuMs: number;
  /** At the marks. */
  memory: readonly number[];
}

function linesOf({ logins, bare, rate, cpuMs, memory }: Measured): Line[] {
  const growth = memory.at(-1)! / memory.at(-2)!;
  const shown = MARKS.map((share, index) => {
    const mib = Math.round(memory[index]! / MIB);
    return `${mib} MiB at ${Math.round(share * logins)}`;
  }).join(', ');
  return [
    {
      name: `the driver alone, ${IN_FLIGHT} logins in flight`,
      value: bare,
      shown: `${bare.toFixed(1)} logins/s`,
    },
    {
      name: `${logins} logins through account-auth into the pool`,
      value: rate,
      shown: `${rate.toFixed(1)} logins/s, ${(rate / bare).toFixed(2)} of it`,
    },
    { name: 'processor time of account-auth a login', value: cpuMs, shown: `${cpuMs.toFixed(0)} ms` },
    {
      name: `memory of account-auth: ${shown}`,
      value: growth,
      shown: `${growth.toFixed(3)} in the second half`,
      target: { atMost: MOST_GROWTH },
    },
  ];
}

async function phonesOf({ control }: Local, count: number, prefix: string): Promise<string[]> {
  const phones = Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(6, '0')}`);
  await control.createAccounts({ accounts: phones.map((phone) => ({ phone })) });
  return phones;
}

/** So many at a time, until all are done; answers how many a second. */
async function allOf(phones: string[], login: (phone: string) => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  const count = phones.length;
  const work = async (): Promise<void> => {
    for (let phone = phones.pop(); phone !== undefined; phone = phones.pop()) await login(phone);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  return (count / (performance.now() - startedAt)) * 1_000;
}

async function codeOf({ control }: Local, phone: string): Promise<string> {
  const { code } = await control.getLoginCode({ phone, wait: { seconds: 10n } });
  return code!.code;
}

/** What account-auth does at Telegram, with nothing around it: two connections, the second under the first's key. */
async function bareRate(local: Local): Promise<number> {
  const telegram = localTelegram(local.info);
  const application = {
    deviceModel: 'bench',
    systemVersion: '1',
    appVersion: '1',
    langCode: 'en',
    systemLangCode: 'en',
  };
  const open = (key: LoginKey | undefined): LoginConnection =>
    new LoginConnection({
      telegram,
      application,
      egress: direct,
      ...(key ? { key } : {}),
      keyMade: () => Promise.resolve(),
      clock: systemClock,
      log: createLogger({ service: 'bench', level: 'silent' }),
    });
  return allOf(await phonesOf(local, BARE_LOGINS, '+15571'), async (phoneNumber) => {
    const first = open(undefined);
    const { apiId, apiHash } = telegram;
    const settings = new Api.CodeSettings({});
    const sent = await first.call(new Api.auth.SendCode({ phoneNumber, apiId, apiHash, settings }), {
      deadlineMs: CALL_MS,
    });
    await first.close();
    const second = open(first.key);
    const { phoneCodeHash } = sent as Api.auth.SentCode;
    const phoneCode = await codeOf(local, phoneNumber);
    await second.call(new Api.auth.SignIn({ phoneNumber, phoneCodeHash, phoneCode }), {
      deadlineMs: CALL_MS,
    });
    await second.close();
  });
}

async function throughService(
  local: Local,
  said: Record<string, unknown>,
  apiKey: string,
  logins: number,
): Promise<Omit<Measured, 'logins' | 'bare'>> {
  const client = connect(AccountAuthService, { address: `127.0.0.1:${String(said['grpc_port'])}`, apiKey });
  const metrics = async (): Promise<string> =>
    (await fetch(`http://127.0.0.1:${String(said['admin_port'])}/metrics`)).text();
  const cpuSeconds = async (): Promise<number> => sumOf(await metrics(), 'process_cpu_time');
  const memory: number[] = [];
  const before = await cpuSeconds();
  let done = 0;
  try {
    const phones = await phonesOf(local, logins, '+15572');
    const rate = await allOf(phones, async (phone) => {
      const { login } = await client.startLogin({ phone });
      await client.submitCode({ loginId: login!.loginId, code: await codeOf(local, phone) });
      done += 1;
      const mark = MARKS.findIndex((share) => Math.round(share * logins) === done);
      if (mark >= 0) memory[mark] = sumOf(await metrics(), 'process_memory_usage');
    });
    return { rate, cpuMs: ((await cpuSeconds()) - before) * (1_000 / logins), memory };
  } finally {
    client.close();
  }
}

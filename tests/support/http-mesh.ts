import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { expect } from 'vitest';
import type { NewAccount } from '../../services/local-telegram/world/accounts.ts';
import type { Account } from '../../services/local-telegram/world/state.ts';
import { migrateJobs } from '../../services/engagement/actions/job-schema.ts';
import { WITHOUT_LIMITS } from './engagement.ts';
import { silent } from './pool.ts';
import { startLoginProcesses, type LoginProcesses } from './login-processes.ts';
import { documentValidator } from './openapi.ts';
import { startSocks5 } from './socks5.ts';
import { startServiceProcess, type ServiceProcess } from './service-process.ts';

/** A whole mesh of processes behind a gateway, as a client of the older HTTP systems meets it. */
export interface HttpMesh {
  readonly url: string;
  readonly processes: LoginProcesses;
  readonly messaging: ServiceProcess;
  readonly operatorKey: string;
  /** One request with plain fetch; its answer must be one that the document describes. */
  call(target: string, options?: CallOptions): Promise<Called>;
  /** A user that is registered and logged in. */
  user(): Promise<HttpUser>;
  /** One more user of the same organisation. */
  colleague(owner: HttpUser): Promise<HttpUser>;
  /** An account at the local Telegram, and its login for a user carried through over HTTP. */
  profile(user: HttpUser, wanted?: Partial<NewAccount>): Promise<HttpProfile>;
  codeOf(phone: string): string;
  /** A SOCKS5 proxy through which the local Telegram is reached. */
  workingProxy(): Promise<{ host: string; port: number; username: string; password: string }>;
  /** Of the gateway at `url`, parsed. */
  gatewayLog(): readonly Record<string, unknown>[];
  /** One more gateway, of another mesh in part. */
  gateway(env: Record<string, string>): Promise<string>;
  stop(): Promise<void>;
}

export interface CallOptions {
  url?: string;
  token?: string;
  key?: string;
  headers?: Record<string, string>;
  json?: unknown;
  form?: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer>;
}

export interface Called {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
  readonly headers: Headers;
}

export interface HttpUser {
  readonly email: string;
  readonly password: string;
  readonly token: string;
  readonly refreshToken: string;
}

export interface HttpProfile {
  readonly account: Account;
  readonly phone: string;
  readonly id: string;
}

export async function startHttpMesh(): Promise<HttpMesh> {
  const processes = await startLoginProcesses({ env: { TELEGRAM_LOGIN_CLAIM: '15s' } });
  const { pool, control, registry, replicas, telegram } = processes;
  const base = {
    ...pool.environment,
    SESSION_POOL_ADDRESS: pool.replicas[0]!.address,
    ACCOUNT_AUTH_ADDRESS: replicas[0]!.address,
    PROXY_REGISTRY_ADDRESS: registry.address,
  };
  const messaging = await startServiceProcess('messaging', {
    ...base,
    LOCAL_TELEGRAM_ADDRESS: control.address,
  });
  const closing: (() => Promise<void>)[] = [];
  await migrateJobs({ url: pool.database.url, log: silent });
  const engagement = await startServiceProcess('engagement', {
    ...base,
    ...WITHOUT_LIMITS,
    MESSAGING_ADDRESS: messaging.address,
    LOCAL_TELEGRAM_ADDRESS: control.address,
  });
  const gateways: ServiceProcess[] = [];
  const gateway = async (env: Record<string, string>): Promise<string> => {
    const started = await startServiceProcess('gateway', {
      ...base,
      MESSAGING_ADDRESS: messaging.address,
      ENGAGEMENT_ADDRESS: engagement.address,
      ...env,
    });
    gateways.push(started);
    return `http://${started.address}`;
  };
  const url = await gateway({});
  const validate = await documentValidator(url);

  async function call(target: string, options: CallOptions = {}): Promise<Called> {
    const [method, path] = target.split(' ') as [string, string];
    const { token, key, json, form, headers = {} } = options;
    const type = json === undefined ? {} : { 'content-type': 'application/json' };
    const body =
      json === undefined ? (form ? new URLSearchParams(form) : options.body) : JSON.stringify(json);
    const response = await fetch((options.url ?? url) + path, {
      method,
      headers: {
        ...type,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(key === undefined ? {} : { 'X-API-Key': key }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    expect(response.headers.get('trace-id')).toMatch(/^[0-9a-f]{32}$/);
    if (method === 'HEAD' || method === 'OPTIONS')
      return { status: response.status, body: text, headers: response.headers };
    const answered: unknown = JSON.parse(text);
    const { pathname } = new URL(response.url);
    validate(method, pathname, response.status, answered);
    return { status: response.status, body: answered, headers: response.headers };
  }

  async function newUser(more: { invitation?: string }): Promise<HttpUser> {
    const login = {
      email: `${randomUUIDv7()}@example.org`,
      password: `pw ${randomBytes(12).toString('base64url')}`,
    };
    expect(await call('POST /auth/register', { json: { ...login, ...more } })).toMatchObject({ status: 201 });
    const { body } = await call('POST /auth/login', { json: login });
    return { ...login, token: body.access_token, refreshToken: body.refresh_token };
  }

  const codeOf = (phone: string): string => telegram.telegram.logins.code(phone)!.code;

  return {
    url,
    processes,
    messaging,
    operatorKey: pool.operatorKey,
    call,
    codeOf,
    gateway,
    gatewayLog: () => gateways[0]!.log,
    user: () => newUser({}),
    async colleague(owner) {
      const response = await fetch(`${url}/telegate.account_auth.v1.IdentityService/CreateInvitation`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${owner.token}` },
        body: '{}',
      });
      const { secret } = (await response.json()) as { secret: string };
      return newUser({ invitation: secret });
    },
    async profile({ token }, wanted = {}) {
      const account = telegram.account(wanted);
      const { phone } = account;
      const { password } = wanted;
      await call('POST /profiles/start', { token, json: { phone } });
      let { body } = await call('POST /profiles/code', { token, json: { phone, code: codeOf(phone) } });
      if (password !== undefined)
        ({ body } = await call('POST /profiles/password', { token, json: { phone, password } }));
      expect(body).toMatchObject({ status: 'authorized', profile: { phone } });
      return { account, phone, id: body.profile.id };
    },
    async workingProxy() {
      const credentials = { username: 'user', password: 'secret' };
      const { host, port, close } = await startSocks5(credentials);
      closing.push(close);
      return { host, port, ...credentials };
    },
    async stop() {
      for (const close of closing) await close();
      await Promise.all(gateways.map((one) => one.stop()));
      await engagement.stop();
      await messaging.stop();
      await processes.stop();
    },
  };
}

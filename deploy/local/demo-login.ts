import { randomBytes, randomInt } from 'node:crypto';
import { LoginState } from '#gen/telegate/account_auth/v1/account_pb.ts';
import { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { IdentityService } from '#gen/telegate/account_auth/v1/identity_service_pb.ts';
import { LocalTelegramService } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { connect } from '#lib/rpc/client.ts';
import { startSocks5 } from '../../tests/support/socks5.ts';
import type { Tour } from './demo-tour.ts';
import { check, told } from './demo-tour.ts';
import type { MeshFile } from './mesh-file.ts';

const DEADLINE_MS = 15_000;

export interface LoginTour {
  tour: Tour;
  mesh: MeshFile;
  /** Distinguishes what this tour makes from that of others. */
  name: string;
}

/**
 * A user of its own, whose account logs in through a proxy; only where a local Telegram knows the code. Answers the
 * user's access token.
 */
export async function loginTour({ tour, mesh, name }: LoginTour): Promise<string | undefined> {
  const { account_auth: auth, local_telegram: local, session_pool: pool } = mesh.endpoints;
  const { proxy_registry: registry } = mesh.endpoints;
  if (mesh.telegram?.kind !== 'local' || !auth || !local || !pool || !registry) return undefined;
  const open = clientsOf(tour);

  const token = await tour.step('a user registers and logs in', async () => {
    const identity = open(connect(IdentityService, { address: auth.grpc, defaultDeadlineMs: DEADLINE_MS }));
    const user = { email: `${name}@example.org`, password: randomBytes(12).toString('base64url') };
    await identity.register(user);
    const { tokens } = await identity.login(user);
    return told(`${user.email}, in a tenant of its own`, tokens!.accessToken);
  });
  const asUser = { token, defaultDeadlineMs: DEADLINE_MS };
  const proxies = open(connect(ProxyRegistryService, { ...asUser, address: registry.grpc }));
  const accounts = open(connect(AccountAuthService, { ...asUser, address: auth.grpc }));
  const sessions = open(connect(SessionPoolService, { ...asUser, address: pool.grpc }));
  const telegram = open(
    connect(LocalTelegramService, {
      address: local.grpc,
      apiKey: mesh.apiKey,
      defaultDeadlineMs: DEADLINE_MS,
    }),
  );

  const proxyId = await tour.step('a SOCKS5 proxy is added', async () => {
    const credentials = { username: 'demo', password: randomBytes(9).toString('base64url') };
    const socks = await startSocks5(credentials);
    tour.afterwards('closing the proxy', () => socks.close());
    const { proxy } = await proxies.createProxy({
      proxy: { host: socks.host, port: socks.port, ...credentials, name },
    });
    tour.afterwards('removing the proxy', () =>
      proxies.deleteProxy({ proxyId: proxy!.proxyId, force: true }),
    );
    return told(`${socks.host}:${socks.port}`, proxy!.proxyId);
  });

  const phone = `+1556${String(randomInt(10_000_000)).padStart(7, '0')}`;
  const password = randomBytes(9).toString('base64url');
  const login = await tour.step('a login asks Telegram for a code, through the proxy', async () => {
    await telegram.createAccount({ account: { phone, firstName: 'Demo', password } });
    const started = await accounts.startLogin({ phone, proxyId, labels: { 'telegate.demo': name } });
    check(started.login?.state === LoginState.CODE_SENT, 'the code to be sent');
    return told(`${phone}, ${started.login.codeLength} digits`, started.login);
  });
  const { loginId } = login;

  await tour.step('the code is handed in; a password is asked for', async () => {
    const { code } = await telegram.getLoginCode({ phone, wait: { seconds: 5n } });
    const answer = await accounts.submitCode({ loginId, code: code!.code });
    check(answer.login?.state === LoginState.PASSWORD_NEEDED, 'the password to be asked for');
    return told('two steps, as the account wants it');
  });

  await tour.step('the password logs the account in', async () => {
    const { account } = await accounts.submitPassword({ loginId, password });
    check(account !== undefined, 'an account in the answer');
    tour.afterwards('deleting the account, and its session', () =>
      accounts.deleteAccount({ accountId: account.accountId, force: true }),
    );
    const { session } = await sessions.getSession({ sessionId: account.sessionId });
    check(session?.state === SessionState.FREE, 'its session to be free in the pool');
    return told(`${account.name}, session ${account.sessionId} is free in the pool`);
  });
  return token;
}

function clientsOf(tour: Tour): <T extends { close(): void }>(client: T) => T {
  return (client) => {
    tour.afterwards('closing a connection', () => Promise.resolve(client.close()));
    return client;
  };
}

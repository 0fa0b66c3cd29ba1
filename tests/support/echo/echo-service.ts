import type { Authenticate } from '#lib/auth/authenticate.ts';
import { anonymous, operatorScopes, type Principal, type Scope } from '#lib/auth/principal.ts';
import { CredentialsMissing, Unauthenticated } from '#lib/rpc/errors.ts';
import { implement, type AccessTable, type Handlers } from '#lib/rpc/implement.ts';
import { serve, type RpcServer, type ServeOptions } from '#lib/rpc/server.ts';
import type { CallShare } from '#lib/telemetry/call-share.ts';
import { createLogger } from '#lib/telemetry/log.ts';
import { EchoService } from './v1/echo_pb.ts';

export const TENANT = '00000000-0000-7000-8000-00000000000a';
export const OTHER_TENANT = '00000000-0000-7000-8000-00000000000b';

export const user: Principal = {
  tenantId: TENANT,
  subject: 'user:ann',
  role: 'user',
  scopes: new Set<Scope>(['pool:read']),
  homeTenantId: TENANT,
};

export const operator: Principal = { ...user, subject: 'key:op', role: 'operator', scopes: operatorScopes };

/** Keys that the tests call with; `revocable` ends when `revoke` is called. */
export function testAuthenticator(): { authenticate: Authenticate; revoke: () => void } {
  const revocation = new AbortController();
  const known: Record<string, ReturnType<Authenticate>> = {
    user: { principal: user },
    operator: { principal: operator },
    nobody: { principal: { ...anonymous, subject: 'user:nobody', tenantId: TENANT, homeTenantId: TENANT } },
    slow: new Promise((resolve) => setImmediate(resolve, { principal: user })),
    revocable: { principal: { ...user, subject: 'user:bob' }, revoked: revocation.signal },
  };
  return {
    authenticate(credentials) {
      const key = credentials.get('x-api-key');
      if (key === undefined) throw new CredentialsMissing();
      const found = known[key];
      if (!found) throw new Unauthenticated();
      return found;
    },
    revoke: () => revocation.abort(),
  };
}

export const echoHandlers: Handlers<typeof EchoService> = {
  echo: async ({ text, payload }) => ({ text, payload }),
  async repeat({ text, count }, out) {
    for (let index = 0; index < count; index++) await out.send({ text, index });
  },
  async chat(incoming, out) {
    for await (const { text } of incoming) await out.send({ text });
  },
};

export interface EchoServerOptions extends Partial<ServeOptions> {
  handlers?: Partial<Handlers<typeof EchoService>>;
  access?: Partial<AccessTable<typeof EchoService>>;
  longLived?: ('repeat' | 'chat')[];
  calls?: CallShare;
}

export interface EchoServer extends RpcServer {
  readonly address: string;
  /** All but the lines of calls. */
  readonly logLines: Record<string, unknown>[];
  readonly callLines: Record<string, unknown>[];
}

export async function serveEcho(options: EchoServerOptions = {}): Promise<EchoServer> {
  const { handlers, access, longLived, calls, ...serveOptions } = options;
  const logLines: Record<string, unknown>[] = [];
  const callLines: Record<string, unknown>[] = [];
  const destination = {
    write(text: string) {
      const line = JSON.parse(text) as Record<string, unknown>;
      (line['kind'] === 'request' ? callLines : logLines).push(line);
    },
  };
  const log = createLogger({ service: 'echo', level: 'debug', destination, ...(calls ? { calls } : {}) });
  const server = await serve({
    host: '127.0.0.1',
    port: 0,
    implementations: [
      implement(
        EchoService,
        { ...echoHandlers, ...handlers },
        { echo: 'pool:read', repeat: 'pool:read', chat: 'pool:read', ...access },
        { longLived },
      ),
    ],
    authenticate: testAuthenticator().authenticate,
    reflection: 'on',
    log,
    ...serveOptions,
  });
  server.setServing(true);
  return Object.assign(Object.create(server) as RpcServer, {
    address: `127.0.0.1:${server.port}`,
    logLines,
    callLines,
  });
}

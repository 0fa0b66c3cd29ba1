import { get } from 'node:http';
import { connect as openSocket } from 'node:net';
import { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { Role } from '#gen/telegate/account_auth/v1/identity_pb.ts';
import { IdentityService } from '#gen/telegate/account_auth/v1/identity_service_pb.ts';
import { EngagementService } from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { ConnectionState } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import { MessagingService } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { ProxyState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { RpcError } from '#lib/rpc/status.ts';
import type { MeshFile } from '../../../deploy/local/mesh-file.ts';
import type { Invocation } from '../command.ts';
import { explain } from '../explain.ts';
import { Interrupted } from '../interrupted.ts';
import { allProxies } from '../named-proxy.ts';
import { addressOf } from '../proxy-text.ts';
import { fail, ok, skipped, warn, type Finding } from './finding.ts';
import { clockFinding, reasonOf } from './stores.ts';

type Doctor = Pick<Invocation, 'service' | 'clock'>;

const LIMIT_MS = 5_000;
const SHOWN = 5;

/** Ready or not, and which version, by each process's admin port; only where mesh.json names it. */
export async function processFindings({ endpoints }: MeshFile): Promise<Finding[]> {
  return await Promise.all(
    Object.entries(endpoints).map(async ([name, { admin }]): Promise<Finding> => {
      const what = name.replaceAll('_', '-');
      try {
        const [ready, metrics] = await Promise.all([
          fetchText(admin, '/readyz'),
          fetchText(admin, '/metrics'),
        ]);
        const version = /service_version="([^"]+)"/.exec(metrics)?.[1];
        const { ok: isReady, waitingFor = [] } = JSON.parse(ready) as { ok: boolean; waitingFor?: string[] };
        return isReady
          ? ok(what, `ready${version === undefined ? '' : `, version ${version}`}`)
          : fail(
              what,
              `not ready: it waits for ${waitingFor.join(', ') || 'something'}`,
              'It goes on by itself when that is there.',
            );
      } catch (error) {
        return fail(
          what,
          `no answer at ${admin}: ${reasonOf(error)}`,
          'It is started again by itself if telegate up runs it; see its log.',
        );
      }
    }),
  );
}

/** What the key is for; the other calls say nothing more when it is refused. */
export async function keyFinding(doctor: Doctor): Promise<Finding> {
  return await asked('key', async () => {
    const me = await doctor.service(IdentityService).call((client) => client.getMe({}));
    const scopes = me.scopes.length === 0 ? 'no scope' : me.scopes.join(' ');
    return ok(
      'key',
      me.role === Role.OPERATOR
        ? `the operator's, of tenant ${me.tenantId}`
        : `${scopes}; tenant ${me.tenantId}`,
    );
  });
}

/** What people would ask next: the sessions, connections and proxies, by a call to each service. */
export async function callFindings(doctor: Doctor, isLocal: boolean): Promise<Finding[]> {
  const { service } = doctor;
  return [
    ...(await poolFindings(doctor)),
    await asked('accounts', async () => {
      await service(AccountAuthService).call((client) => client.listAccounts({ pageSize: 1 }));
      return ok('accounts', 'account-auth answers');
    }),
    await asked('connections', () => connectionFinding(doctor)),
    await asked('proxies', () => proxyFinding(doctor, isLocal)),
    await asked('campaigns', () => campaignFinding(doctor)),
  ];
}

async function poolFindings(doctor: Doctor): Promise<Finding[]> {
  let skew: Finding = skipped('clocks', 'the database was not reached');
  const sessions = await asked('sessions', async () => {
    const before = doctor.clock.now();
    const { status } = await doctor.service(SessionPoolService).call((client) => client.getPoolStatus({}));
    const here = (before + doctor.clock.now()) / 2;
    if (status!.readTime)
      skew = clockFinding(Number(status!.readTime.seconds) * 1_000 + status!.readTime.nanos / 1e6 - here);
    const { total, free, needsLogin, frozen, banned } = status!;
    const text = `${total} sessions, ${free} free`;
    const lost = needsLogin + frozen + banned;
    return lost === 0
      ? ok('sessions', text)
      : warn(
          'sessions',
          `${text}, ${needsLogin} need a login, ${frozen} frozen, ${banned} banned`,
          'telegate accounts list --state needs_login; telegate login +… for each.',
        );
  });
  return [sessions, skew];
}

async function connectionFinding({ service }: Doctor): Promise<Finding> {
  const { connections } = await service(MessagingService).call((client) =>
    client.listConnections({ pageSize: 1_000 }),
  );
  const degraded = connections.filter(({ state }) => state === ConnectionState.DEGRADED).length;
  const circuits = new Set(
    connections.flatMap(({ openCircuits }) => openCircuits.map(({ circuit }) => circuit)),
  );
  const text = `${connections.length} open to Telegram`;
  if (degraded === 0 && circuits.size === 0) return ok('connections', text);
  const refused = circuits.size === 0 ? '' : `, refused for now: ${[...circuits].slice(0, SHOWN).join(', ')}`;
  return warn(
    'connections',
    `${text}, ${degraded} degraded${refused}`,
    'Waits and breakers end by themselves; for proxies see telegate proxies check.',
  );
}

async function proxyFinding({ service }: Doctor, isLocal: boolean): Promise<Finding> {
  const proxies = await allProxies(service(ProxyRegistryService));
  if (proxies.length === 0)
    return isLocal
      ? ok('proxies', 'none, and a local Telegram needs none')
      : warn(
          'proxies',
          'none: accounts may not connect',
          'telegate proxies add, or ALLOW_DIRECT=1 for direct connections.',
        );
  const down = proxies.filter(({ state }) => state === ProxyState.DOWN);
  const slow = proxies.filter(({ state }) => state === ProxyState.SLOW).length;
  const unchecked = proxies.filter(({ state }) => state === ProxyState.UNCHECKED).length;
  const text = `${proxies.length} proxies: ${proxies.length - down.length - slow - unchecked} up, ${slow} slow, ${unchecked} not looked at yet, ${down.length} down`;
  if (down.length === 0) return ok('proxies', text);
  const named = down.slice(0, SHOWN).map(addressOf).join(', ');
  const remedy =
    'telegate proxies check; those that stay down: telegate proxies remove. Their accounts wait, or get another.';
  const found = `${text} (${named}${down.length > SHOWN ? ' …' : ''})`;
  return down.length === proxies.length ? fail('proxies', found, remedy) : warn('proxies', found, remedy);
}

async function campaignFinding({ service }: Doctor): Promise<Finding> {
  const { tenant, mesh } = await service(EngagementService).call((client) => client.getKillSwitch({}));
  const on = tenant?.on === true ? tenant : mesh?.on === true ? mesh : undefined;
  if (!on) return ok('campaigns', 'no kill switch is on');
  const flag = on === mesh ? ' --mesh' : '';
  return warn(
    'campaigns',
    `the kill switch is on: ${on.reason || 'no reason given'}`,
    `telegate campaign kill-switch off${flag}, when the reason is gone.`,
  );
}

/** DC 2 of the real Telegram, as its own clients know it. */
const REAL_TELEGRAM = [{ id: 2, host: '149.154.167.50', port: 443 }];

/** Directly from this machine: accounts go through their proxies, whose states say the rest. */
export async function telegramFindings(mesh: MeshFile | undefined): Promise<Finding[]> {
  const telegram = mesh?.telegram;
  const isLocal = telegram?.kind === 'local';
  const centres = isLocal ? telegram.dataCenters : REAL_TELEGRAM;
  return await Promise.all(
    centres.map(async ({ id, host, port }): Promise<Finding> => {
      const what = isLocal ? `local Telegram, data centre ${id}` : 'Telegram';
      try {
        await reach(host, port);
        return ok(what, `${host}:${port} takes connections`);
      } catch (error) {
        const text = `${host}:${port} can not be reached from here: ${reasonOf(error)}`;
        return isLocal
          ? fail(what, text, 'local-telegram is started again by itself; see its log.')
          : warn(what, text, 'Only direct connections suffer; accounts with proxies go through these.');
      }
    }),
  );
}

/** A refusal is a finding too. */
async function asked(what: string, ask: () => Promise<Finding>): Promise<Finding> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    if (error instanceof RpcError && error.reason === ErrorReason.SCOPE_MISSING)
      return skipped(what, `the key lacks the scope ${error.metadata['scope'] ?? 'for it'}`);
    const { text } = explain(error, undefined);
    const [problem = text, ...rest] = text.split(/(?<=[.!?])\s+/);
    return fail(what, problem.replace(/\.$/, ''), rest.join(' ') || 'See the lines above, and the logs.');
  }
}

function fetchText(address: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(`http://${address}${path}`, { agent: false, timeout: LIMIT_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(text));
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error(`nothing within ${LIMIT_MS / 1_000} s`)));
    request.on('error', reject);
  });
}

function reach(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = openSocket({ host, port, timeout: LIMIT_MS });
    socket.on('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.on('timeout', () => socket.destroy(new Error(`nothing within ${LIMIT_MS / 1_000} s`)));
    socket.on('error', reject);
  });
}

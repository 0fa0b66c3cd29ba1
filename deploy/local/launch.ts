import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEFAULT_OPERATOR_TENANT } from '#lib/auth/authenticate.ts';
import { clusterFolder } from './embedded-database.ts';
import { serviceEnvironment } from './environment.ts';
import { StartFailure } from './failure.ts';
import type { Home } from './home.ts';
import { chooseKeys, deleteData, openHome, temporaryHome } from './home.ts';
import { migrateDatabase, startDatabase, startEvents } from './infrastructure.ts';
import type { Launch } from './launch-context.ts';
import { root, STEP_LIMIT_MS } from './launch-context.ts';
import type { MeshFile } from './mesh-file.ts';
import { writeMeshFile } from './mesh-file.ts';
import { phase, together } from './phases.ts';
import { reservePorts } from './ports.ts';
import type { Supervised } from './processes.ts';
import { supervise } from './processes.ts';
import type { ServiceEntry } from './registry.ts';
import { addressVariable, endpointName, localTelegram, portVariable } from './registry.ts';
import type { MeshRecord } from './running.ts';
import { claimHome, postmasterOf, removeTraces } from './running.ts';
import type { ServicePorts } from './settings.ts';
import { fromWhereCalled } from './settings.ts';
import { ownEnvironment, readLocalTelegram, runsHere } from './telegram.ts';

export interface Launched {
  mesh: MeshFile;
  meshFile: string;
  home: Home;
  keysFile: string | undefined;
  /** Shows all that the services log from now on. */
  showLogs(): void;
}

const STOP_MARGIN_MS = 5_000;

/** Starts everything, what can be at the same time; registers in `stops` how each part is stopped. */
export async function launchMesh(given: Launch): Promise<Launched> {
  const services = given.services.filter((one) => runsHere(one, given.settings));
  const launch = { ...given, services };
  const { options, settings, env, clock, say, stops } = launch;
  if (options.fresh && options.ephemeral)
    throw new StartFailure('--ephemeral starts from nothing anyway: leave --fresh out.');
  if (options.fresh && settings.databaseUrl !== undefined)
    throw new StartFailure(
      '--fresh deletes the embedded database only, and DATABASE_URL is set: empty that database yourself, or unset DATABASE_URL.',
    );
  const namedFile = options.meshFile === undefined ? undefined : fromWhereCalled(options.meshFile, env);
  if (namedFile !== undefined && !existsSync(dirname(namedFile)))
    throw new StartFailure(`--mesh-file: there is no folder ${dirname(namedFile)}. Make it first.`);
  const home = options.ephemeral
    ? temporaryHome()
    : openHome(settings.home === undefined ? join(root, '.telegate') : fromWhereCalled(settings.home, env));
  const meshFile = namedFile ?? home.meshFile;
  say(`TeleGate starts in ${home.folder}`);

  const record = await claim(launch, home, meshFile);
  if (options.fresh) startFromNothing(home, say);
  const choice = chooseKeys(home, env);
  if (choice.made) say(`Keys: made in ${home.keys}`);

  const sessionsDir = sessionFolder(launch, home);
  const ports = await choosePorts(launch);
  const [databaseUrl, events] = await together(
    launch.abort,
    startDatabase(launch, home, record),
    startEvents(launch, home, record),
  );
  const supervised = services.map((service) =>
    startService(service, launch, record, {
      env,
      settings,
      keys: choice.keys,
      ports: ports.get(service.name) as ServicePorts,
      databaseUrl,
      natsUrl: events.natsUrl,
      sessionsDir,
      addresses: Object.fromEntries(
        [...ports].map(([name, { grpc }]) => [addressVariable(name), address(settings.listenHost, grpc)]),
      ),
      own: ownEnvironment(launch, service, home),
    }),
  );
  stops.add(
    'services',
    async () => {
      await Promise.all(supervised.map((one) => one.stop()));
    },
    settings.shutdownGrace + 2 * STOP_MARGIN_MS,
  );
  await together(
    launch.abort,
    migrateDatabase(launch, databaseUrl, events.natsUrl),
    ...supervised.map((one) => phase(launch, `${one.name} is ready`, one.ready)),
  );

  const local = ports.get(localTelegram.name);
  const telegram = local
    ? await readLocalTelegram(address(settings.listenHost, local.grpc), choice.keys.TELEGATE_OPERATOR_KEY)
    : settings.telegramApiId === undefined
      ? undefined
      : ({ kind: 'telegram' } as const);
  const mesh: MeshFile = {
    version: 1,
    pid: process.pid,
    startedTime: new Date(clock.now()).toISOString(),
    endpoints: Object.fromEntries(
      [...ports].map(([name, { grpc, admin }]) => [
        endpointName(name),
        { grpc: address(settings.listenHost, grpc), admin: address(settings.listenHost, admin) },
      ]),
    ),
    postgres: { kind: settings.databaseUrl === undefined ? 'embedded' : 'external', url: databaseUrl },
    events: { kind: events.kind, url: events.natsUrl ?? databaseUrl },
    ...(telegram ? { telegram } : {}),
    sessionsDir,
    apiKey: choice.keys.TELEGATE_OPERATOR_KEY,
    tenant: settings.operatorTenant ?? DEFAULT_OPERATOR_TENANT,
  };
  writeMeshFile(meshFile, mesh);
  return {
    mesh,
    meshFile,
    home,
    keysFile: choice.fromFile.length > 0 ? home.keys : undefined,
    showLogs: () => supervised.forEach((one) => one.showAll()),
  };
}

async function claim(launch: Launch, home: Home, meshFile: string): Promise<MeshRecord> {
  const { options, settings, clock, say, stops } = launch;
  const record = await claimHome({
    home,
    clock,
    say,
    mesh: {
      graceMs: settings.shutdownGrace,
      meshFile,
      ...(settings.databaseUrl === undefined ? { postgresData: clusterFolder(home.postgres) } : {}),
      ...(options.ephemeral ? { temporaryFolder: home.folder } : {}),
    },
  });
  launch.onRecord(record);
  const guard = spawn(
    process.execPath,
    [fileURLToPath(new URL('guard.ts', import.meta.url)), home.running, String(process.pid)],
    { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: root },
  );
  await once(guard, 'spawn');
  if (guard.pid !== undefined) record.noteGuard(guard.pid);
  guard.stdin.on('error', () => {});
  stops.add('guard', () => void guard.stdin.end(), STEP_LIMIT_MS);
  stops.add(
    'record',
    () => {
      record.remove();
      removeTraces(record.mesh);
    },
    STEP_LIMIT_MS,
  );
  return record;
}

function startFromNothing(home: Home, say: (text: string) => void): void {
  const postmaster = postmasterOf(clusterFolder(home.postgres));
  if (postmaster)
    throw new StartFailure(
      `PostgreSQL (process ${postmaster.pid}) runs on ${home.postgres}, though no mesh is recorded there. Stop it (kill -INT ${postmaster.pid}) and start again.`,
    );
  deleteData(home);
  say(`--fresh: the embedded data in ${home.folder} is deleted; the keys are kept`);
}

async function choosePorts(launch: Launch): Promise<Map<string, ServicePorts>> {
  const { services, settings, options } = launch;
  const wanted = services.flatMap(({ name }) =>
    (['grpc', 'admin'] as const).map((kind) => ({
      use: `${name}, ${kind === 'grpc' ? 'gRPC' : 'admin'}`,
      variable: portVariable(name, kind),
      port: options.ephemeral ? 0 : (settings.ports.get(name)?.[kind] ?? 0),
    })),
  );
  const ports = await reservePorts(settings.listenHost, wanted);
  return new Map(
    services.map(({ name }, index) => [
      name,
      { grpc: ports[2 * index] ?? 0, admin: ports[2 * index + 1] ?? 0 },
    ]),
  );
}

/** The person's own, or one of the mesh's: a file that is put there joins the pool at the next sync. */
function sessionFolder({ settings, env }: Launch, home: Home): string {
  if (settings.sessionsDir !== undefined) return fromWhereCalled(settings.sessionsDir, env);
  mkdirSync(home.sessions, { recursive: true, mode: 0o700 });
  return home.sessions;
}

function startService(
  service: ServiceEntry,
  launch: Launch,
  record: MeshRecord,
  environment: Parameters<typeof serviceEnvironment>[0],
): Supervised {
  const { settings, clock, say, abort } = launch;
  return supervise(
    {
      name: service.name,
      command: process.execPath,
      args: [service.main],
      cwd: root,
      env: serviceEnvironment(environment),
      readyUrl: `http://${address(settings.listenHost, environment.ports.admin)}/readyz`,
    },
    {
      clock,
      startLimitMs: settings.startTimeout,
      stopLimitMs: settings.shutdownGrace + STOP_MARGIN_MS,
      say,
      onStart: (pid) => record.note(service.name, 'service', pid),
      signal: abort.signal,
    },
  );
}

/** Who listens on every interface is reached on the loopback. */
function address(listenHost: string, port: number): string {
  const host = listenHost === '0.0.0.0' ? '127.0.0.1' : listenHost === '::' ? '::1' : listenHost;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

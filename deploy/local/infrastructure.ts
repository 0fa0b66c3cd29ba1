import { awaitDatabase, placeOf } from '../await-database.ts';
import { migrateAll } from '../migrate.ts';
import { neededSchemas } from '../schemas.ts';
import { startEmbeddedDatabase } from './embedded-database.ts';
import type { Home } from './home.ts';
import type { Launch } from './launch-context.ts';
import { STEP_LIMIT_MS } from './launch-context.ts';
import type { MeshFile } from './mesh-file.ts';
import { awaitNats, findNatsServer, startNatsServer } from './nats-server.ts';
import { phase } from './phases.ts';
import type { MeshRecord } from './running.ts';

export async function startDatabase(launch: Launch, home: Home, record: MeshRecord): Promise<string> {
  const { settings, clock, log, say, stops, abort } = launch;
  if (settings.databaseUrl !== undefined) {
    const place = placeOf(settings.databaseUrl);
    say(`PostgreSQL: ${place} (DATABASE_URL)`);
    const remedy = 'Start it, correct DATABASE_URL, or unset it to use the embedded one.';
    const limits = { clock, limitMs: settings.startTimeout, signal: abort.signal, say, remedy };
    await phase(launch, 'PostgreSQL answers', awaitDatabase(settings.databaseUrl, limits));
    return settings.databaseUrl;
  }
  say('PostgreSQL: embedded (DATABASE_URL is unset)');
  const starting = startEmbeddedDatabase({
    folder: home.postgres,
    clock,
    log,
    say,
    onStart: (pid) => record.note('PostgreSQL', 'postgres', pid),
  });
  const database = await phase(launch, 'PostgreSQL is ready', starting);
  stops.add('PostgreSQL', () => database.stop(), STEP_LIMIT_MS);
  return database.url;
}

export interface Events {
  kind: MeshFile['events']['kind'];
  natsUrl: string | undefined;
}

export async function startEvents(launch: Launch, home: Home, record: MeshRecord): Promise<Events> {
  const { settings, options, env, clock, say, stops, abort } = launch;
  if (settings.natsUrl !== undefined) {
    say('Events: NATS (NATS_URL)');
    const limits = { clock, limitMs: settings.startTimeout, signal: abort.signal, say };
    await phase(launch, 'NATS answers', awaitNats(settings.natsUrl, limits));
    return { kind: 'external nats', natsUrl: settings.natsUrl };
  }
  const program = options.nats ? findNatsServer(env) : undefined;
  if (program === undefined) {
    const why = options.nats ? 'NATS_URL is unset, no nats-server is on PATH' : '--no-nats';
    say(`Events: through PostgreSQL (${why})`);
    return { kind: 'postgres', natsUrl: undefined };
  }
  say(`Events: ${program} (NATS_URL is unset)`);
  const starting = startNatsServer({
    program,
    folder: home.nats,
    clock,
    startLimitMs: settings.startTimeout,
    say,
    onStart: (pid) => record.note('nats-server', 'nats', pid),
  });
  const server = await phase(launch, 'nats-server is ready', starting);
  stops.add('nats-server', () => server.stop(), STEP_LIMIT_MS);
  return { kind: 'nats-server', natsUrl: server.url };
}

export async function migrateDatabase(
  launch: Launch,
  url: string,
  natsUrl: string | undefined,
): Promise<void> {
  const migrated = await phase(
    launch,
    'The database has the right version',
    migrateAll(url, neededSchemas({ natsUrl }), launch.log),
  );
  for (const { schema, applied } of migrated)
    if (applied.length > 0)
      launch.say(`Schema ${schema}: ${applied.length} migration${applied.length === 1 ? '' : 's'} applied`);
}

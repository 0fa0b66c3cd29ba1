import { connect } from 'node:net';
import { Client } from 'pg';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { missingMigration } from '#lib/postgres/migrate.ts';
import { neededSchemas } from '../../../deploy/schemas.ts';
import { placeOf } from '../../../deploy/await-database.ts';
import { span } from '../terminal/times.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

const LIMIT_MS = 3_000;
/** Telegram refuses messages whose times are off by more. */
const SKEW_TO_FAIL_MS = 30_000;
const SKEW_TO_WARN_MS = 2_000;
const OLDEST_POSTGRES = 140_000;

/** Whether the database answers, is migrated, and goes by the same time as this machine. */
export async function databaseFindings(
  url: string,
  natsUrl: string | undefined,
  clock: Clock,
): Promise<Finding[]> {
  const place = safePlace(url);
  if (place === undefined)
    return [
      fail('database', 'its URL can not be read', 'Correct DATABASE_URL: postgres://user@host:port/name'),
    ];
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: LIMIT_MS,
    query_timeout: LIMIT_MS,
    application_name: 'telegate doctor',
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const before = clock.now();
    const { rows } = await client.query<{ version: number; now: number }>(
      `select current_setting('server_version_num')::int as version,
              (extract(epoch from clock_timestamp()) * 1000)::float8 as now`,
    );
    const { version, now } = rows[0]!;
    const here = (before + clock.now()) / 2;
    return [
      version < OLDEST_POSTGRES
        ? fail(
            'database',
            `PostgreSQL ${Math.floor(version / 10_000)} at ${place}`,
            'PostgreSQL 14 is the oldest that works.',
          )
        : ok('database', `PostgreSQL ${Math.floor(version / 10_000)} at ${place}`),
      await migrationFinding(url, natsUrl),
      clockFinding(now - here),
    ];
  } catch (error) {
    return [
      fail(
        'database',
        `no PostgreSQL answers at ${place}: ${reasonOf(error)}`,
        'Start it, or correct DATABASE_URL. Leases that are held go on for as long as their holders were told.',
      ),
    ];
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function migrationFinding(url: string, natsUrl: string | undefined): Promise<Finding> {
  const missing: string[] = [];
  const schemas = neededSchemas({ natsUrl });
  for (const { schema, folder } of schemas) {
    const lacking = await missingMigration({ url, schema, folder });
    if (lacking !== undefined) missing.push(lacking);
  }
  return missing.length === 0
    ? ok('migrations', `${schemas.length} schemas are as the services need them`)
    : fail('migrations', `the database lacks ${missing.join('; ')}`, 'npm run migrate');
}

export function clockFinding(skewMs: number): Finding {
  const size = Math.abs(skewMs);
  if (size < SKEW_TO_WARN_MS) return ok('clocks', `this machine and the database differ by ${span(size)}`);
  const text = `this machine is ${span(size)} ${skewMs > 0 ? 'behind' : 'ahead of'} the database`;
  const remedy =
    'Set both by NTP. Leases count by the database alone; Telegram refuses clocks that are far off.';
  return size < SKEW_TO_FAIL_MS ? warn('clocks', text, remedy) : fail('clocks', text, remedy);
}

/** Each server of NATS greets with what it can; JetStream is needed. */
export async function natsFindings(urls: string): Promise<Finding[]> {
  return await Promise.all(urls.split(',').map((url) => natsFinding(url.trim())));
}

async function natsFinding(text: string): Promise<Finding> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) return fail('NATS', 'its URL can not be read', 'Correct NATS_URL: nats://host:4222');
  const place = `${url.hostname}:${url.port || 4_222}`;
  try {
    const greeting = await firstLine(url.hostname, Number(url.port || 4_222));
    const info = JSON.parse(/^INFO (\{.*\})/.exec(greeting)?.[1] ?? '{}') as {
      version?: string;
      jetstream?: boolean;
    };
    if (info.version === undefined)
      return fail('NATS', `what answers at ${place} is no NATS`, 'Correct NATS_URL.');
    return info.jetstream === true
      ? ok('NATS', `nats-server ${info.version} at ${place}, with JetStream`)
      : fail('NATS', `nats-server ${info.version} at ${place} has no JetStream`, 'Start it with -js.');
  } catch (error) {
    return fail(
      'NATS',
      `no answer at ${place}: ${reasonOf(error)}`,
      'Start it, or correct NATS_URL. Events wait in the database meanwhile, and none is lost.',
    );
  }
}

function firstLine(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: host.replace(/^\[(.*)\]$/, '$1'), port, timeout: LIMIT_MS });
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (!text.includes('\n') && text.length < 65_536) return;
      socket.destroy();
      resolve(text);
    });
    socket.on('timeout', () => socket.destroy(new Error(`nothing within ${LIMIT_MS / 1_000} s`)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('it closed the connection')));
  });
}

function safePlace(url: string): string | undefined {
  try {
    return placeOf(url);
  } catch {
    return undefined;
  }
}

/** Never the URL, which may hold a password. */
export function reasonOf(error: unknown): string {
  const { code, message, errors } = error as NodeJS.ErrnoException & { errors?: unknown[] };
  if (errors !== undefined && errors.length > 0) return reasonOf(errors[0]);
  return code ?? message;
}

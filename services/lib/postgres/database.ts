import { Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';
import { types } from 'pg';
import type { Logger } from '#lib/telemetry/log.ts';
import { Client, Pool } from './client.ts';

export interface Database<Tables> {
  readonly kysely: Kysely<Tables>;
  readonly pool: pg.Pool;
  /** Waits for the statements that run; connections go back to the server. Safe to call twice. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  url: string;
  schema: string;
  poolSize: number;
  applicationName: string;
  log: Logger;
  /** How long to wait for a connection, new or from the pool. */
  connectTimeoutMs?: number;
  statementTimeoutMs?: number;
  idleInTransactionTimeoutMs?: number;
  /** After this, a server that says nothing at all counts as gone; by default 5 s after the statement timeout. */
  silenceTimeoutMs?: number;
}

const SILENCE_MARGIN_MS = 5_000;

export function openDatabase<Tables>(options: DatabaseOptions): Database<Tables> {
  const { log } = options;
  const statementTimeoutMs = options.statementTimeoutMs ?? 15_000;
  const config = connectionConfig(options);
  const settings = {
    attributes: spanAttributes(options.url, options.schema),
    silenceTimeoutMs: options.silenceTimeoutMs ?? statementTimeoutMs + SILENCE_MARGIN_MS,
    connections: new Set<Client>(),
  };
  const pool = new Pool({
    ...config,
    max: options.poolSize,
    idleTimeoutMillis: 60_000,
    Client: class extends Client {
      constructor() {
        super(config, settings);
      }
    },
  });
  pool.on('error', (error) => {
    log.warn(
      { event: 'database_connection_lost', problem: error.message },
      'an idle connection to the database broke; it is replaced when needed',
    );
  });
  let closed: Promise<void> | undefined;
  return {
    kysely: new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }),
    pool,
    close: () => (closed ??= pool.end()),
  };
}

export function connectionConfig(options: Omit<DatabaseOptions, 'log' | 'poolSize'>): pg.ClientConfig {
  const url = new URL(options.url);
  const ownOptions = url.searchParams.get('options');
  // Parameters of the URL would win over the fields below.
  for (const name of ['options', 'application_name', 'statement_timeout']) url.searchParams.delete(name);
  return {
    connectionString: url.href,
    application_name: options.applicationName.slice(0, 63),
    options: `${ownOptions ?? ''} -c search_path=${checkedSchema(options.schema)}`.trim(),
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    statement_timeout: options.statementTimeoutMs ?? 15_000,
    idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs ?? 15_000,
    keepAlive: true,
    types: { getTypeParser },
  };
}

/** Schema names go into statements unquoted. */
export function checkedSchema(schema: string): string {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema) || schema.startsWith('pg_'))
    throw new Error(`"${schema}" is not a schema name: small letters, digits and _ only`);
  return schema;
}

function spanAttributes(raw: string, schema: string): Record<string, string | number> {
  const url = new URL(raw);
  return {
    'db.system.name': 'postgresql',
    'db.namespace': `${decodeURIComponent(url.pathname.slice(1))}|${schema}`,
    'server.address': url.hostname,
    'server.port': Number(url.port || 5_432),
  };
}

const INT8 = 20;
const INT8_ARRAY = 1016;
const TIMESTAMPTZ = 1184;

type Nested = string | null | Nested[];

function toBigints(value: Nested): unknown {
  return Array.isArray(value) ? value.map(toBigints) : value === null ? null : BigInt(value);
}

/** Node reads what PostgreSQL writes three times as fast as the driver does; but not what is infinite, or before Christ. */
function toDate(raw: string, standard: (raw: string) => unknown): unknown {
  const date = new Date(raw);
  return Number.isNaN(date.getTime()) ? standard(raw) : date;
}

// Per pool, not pg.types.setTypeParser: that would change every user of pg in the process.
const standardParser = types.getTypeParser as unknown as (
  oid: number,
  format?: string,
) => (raw: never) => unknown;

const getTypeParser = ((oid: number, format?: string) => {
  const standard = standardParser(oid, format) as (raw: string) => unknown;
  if (format !== undefined && format !== 'text') return standard;
  if (oid === INT8) return (raw: string) => BigInt(raw);
  if (oid === INT8_ARRAY) return (raw: string) => toBigints(standard(raw) as Nested);
  if (oid === TIMESTAMPTZ) return (raw: string) => toDate(raw, standard);
  return standard;
}) as unknown as typeof types.getTypeParser;

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const read = (name: string): string => readFileSync(join(import.meta.dirname, name), 'utf8');
const collector = parse(read('collector.yaml')) as Record<string, Record<string, object>>;

/** What each component may be told, by its documentation; a misspelt setting keeps the Collector from starting. */
const SETTINGS: Record<string, readonly string[]> = {
  'receivers.otlp': ['protocols'],
  'processors.memory_limiter': [
    'check_interval',
    'limit_mib',
    'spike_limit_mib',
    'limit_percentage',
    'spike_limit_percentage',
  ],
  'processors.batch': ['send_batch_size', 'send_batch_max_size', 'timeout', 'metadata_keys'],
  'exporters.otlp': [
    'endpoint',
    'tls',
    'retry_on_failure',
    'sending_queue',
    'timeout',
    'headers',
    'compression',
  ],
  'exporters.clickhouse': [
    'endpoint',
    'username',
    'password',
    'database',
    'connection_params',
    'logs_table_name',
    'traces_table_name',
    'ttl',
    'table_engine',
    'cluster_name',
    'create_schema',
    'async_insert',
    'compress',
    'timeout',
    'sending_queue',
    'retry_on_failure',
  ],
};

/** The columns that the exporter names in its INSERT. */
const INSERTED =
  `Timestamp TraceId SpanId TraceFlags SeverityText SeverityNumber ServiceName Body ResourceSchemaUrl
   ResourceAttributes ScopeSchemaUrl ScopeName ScopeVersion ScopeAttributes LogAttributes`.split(/\s+/);

test('every component is told only what it understands', () => {
  for (const part of ['receivers', 'processors', 'exporters'])
    for (const [name, settings] of Object.entries(collector[part]!)) {
      const known = SETTINGS[`${part}.${name.split('/')[0]}`];
      expect(known, `${part}.${name}`).toBeDefined();
      expect(known, `${part}.${name}`).toEqual(expect.arrayContaining(Object.keys(settings)));
    }
});

test('the table has the columns that the exporter fills, and others only where they fill themselves', () => {
  const table = read('clickhouse.sql');
  const columns = [...table.matchAll(/^ {4}([A-Z]\w+) +[A-Z]\w+.*?,?$/gm)]
    .map(([line, name]) => ({ name: name!, fillsItself: line.includes('MATERIALIZED') }))
    .filter(({ name }) => name !== 'INDEX');
  expect(columns.filter(({ fillsItself }) => !fillsItself).map(({ name }) => name)).toEqual(INSERTED);
  const { database, logs_table_name } = collector['exporters']!['clickhouse'] as Record<string, string>;
  expect(table).toContain(`CREATE TABLE IF NOT EXISTS ${database}.${logs_table_name}\n`);
});

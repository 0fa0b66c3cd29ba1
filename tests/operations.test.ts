import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { logKinds } from '#lib/telemetry/log-kinds.ts';
import { exportedNames, findInstruments } from '../deploy/reference/instruments.ts';
import { tableInDocument, variablesTable } from '../deploy/reference/variables.ts';

const root = join(import.meta.dirname, '..');
const operations = readFileSync(join(root, 'docs/operations.md'), 'utf8');

/** Without the blanks that line columns up. */
const cells = (table: string): string[] =>
  table
    .trim()
    .split('\n')
    .filter((line) => !/^\|[ |-]+\|$/.test(line))
    .map((line) => line.replaceAll(/ +/g, ' ').trim());

const firstColumn = (pattern: RegExp): string[] => [...operations.matchAll(pattern)].map(([, name]) => name!);

test('the variables are those that the processes read (else: node deploy/reference/variables.ts)', async () => {
  expect(cells(tableInDocument())).toEqual(cells(await variablesTable()));
});

test('the metrics are those that the code makes', () => {
  const described = firstColumn(/^\| `([a-z0-9_.]+)` +\| (?:gauge|counter|histogram) /gm);
  const made = findInstruments(join(root, 'services'));
  expect(described.toSorted()).toEqual(made.map(({ name }) => name));
  const misnamed = made.filter(
    ({ name, kind }) => !new RegExp(`^\\| \`${name}\` +\\| ${kind} `, 'm').test(operations),
  );
  expect(misnamed).toEqual([]);
});

test('the kinds of lines are all there are', () => {
  const section = operations.slice(operations.indexOf('## Log lines'), operations.indexOf('## Metrics'));
  const described = [...section.matchAll(/^\| `([a-z]+)`/gm)].map(([, kind]) => kind!);
  expect(described.toSorted()).toEqual([...logKinds].toSorted());
});

test('every variable of telemetry that the code reads is explained', () => {
  const sources = ['sdk.ts', 'exporters.ts'].map((name) =>
    readFileSync(join(root, 'services/lib/telemetry', name), 'utf8'),
  );
  const read = new Set(sources.flatMap((text) => text.match(/OTEL_[A-Z_]+[A-Z]/g) ?? []));
  // Made of parts there: OTEL_EXPORTER_OTLP_<signal>_PROTOCOL.
  read.delete('OTEL_EXPORTER_OTLP');
  expect([...read].filter((variable) => !operations.includes(`\`${variable}\``))).toEqual([]);
});

test('alerts ask for metrics that there are', () => {
  const made = new Set(findInstruments(join(root, 'services')).flatMap(exportedNames));
  const alerts = operations.slice(operations.indexOf('### Alerts'), operations.indexOf('## When AUTH_KEY'));
  const asked = alerts.match(/\b(?:telegate|nodejs|rpc|http|process)_[a-z0-9_]+/g) ?? [];
  const labels = new Set(['rpc_method']);
  expect(asked.length).toBeGreaterThan(5);
  expect(asked.filter((name) => !made.has(name) && !labels.has(name))).toEqual([]);
});

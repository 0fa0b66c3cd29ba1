import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { meter, metricsText, startMetrics, stopMetrics } from '#lib/telemetry/metrics.ts';
import { exportedNames, findInstruments } from '../reference/instruments.ts';

interface Panel {
  id: number;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets: { expr: string }[];
}

const services = join(import.meta.dirname, '../../services');
const instruments = findInstruments(services);
const { panels } = JSON.parse(readFileSync(join(import.meta.dirname, 'telegate.json'), 'utf8')) as {
  panels: Panel[];
};
const queries = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

test('every metric that a panel asks for is one that the code makes', () => {
  const made = new Set(instruments.flatMap(exportedNames));
  const asked = queries.flatMap((query) => query.match(/\b[a-z0-9_]+(?=\[|\)|$)/g) ?? []);
  const metrics = asked.filter((name) => /^(?:telegate|rpc|http|nodejs|process|v8js)_/.test(name));
  expect(metrics.length).toBeGreaterThanOrEqual(queries.length);
  const byLabel =
    /^(?:telegate_(?:state|outcome|login_state|action_outcome|breaker_kind|breaker_position)|rpc_(?:method|status_code)|http_response_status_code)$/;
  expect(metrics.filter((name) => !made.has(name) && !byLabel.test(name))).toEqual([]);
});

test('every label that a panel groups by is an attribute that the code sets', () => {
  const sources = readdirSync(services, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(join(services, file), 'utf8'))
    .join('\n');
  const labels = new Set(
    queries.flatMap((query) =>
      [...query.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(', ')),
    ),
  );
  const ofPrometheus = new Set(['le', 'job', 'instance']);
  const unknown = [...labels].filter(
    (label) =>
      !ofPrometheus.has(label) && !new RegExp(`\\b${label.replaceAll('_', '[._]')}\\b`).test(sources),
  );
  expect(unknown).toEqual([]);
});

test('metrics are shown under the names that are asked for', async () => {
  startMetrics(resourceFromAttributes({}), []);
  try {
    for (const { name, kind, unit } of instruments) {
      if (kind === 'counter') meter().createCounter(name, { unit }).add(1);
      else if (kind === 'gauge') meter().createGauge(name, { unit }).record(1);
      else meter().createHistogram(name, { unit }).record(1);
    }
    const text = (await metricsText())!;
    const shown = new Set([...text.matchAll(/^([a-z0-9_]+)(?:\{| )/gm)].map(([, name]) => name));
    expect(instruments.flatMap(exportedNames).filter((name) => !shown.has(name))).toEqual([]);
  } finally {
    stopMetrics();
  }
});

test('panels have ids of their own and do not overlap', () => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  expect(new Set(panels.map(({ gridPos: { x, y } }) => `${x},${y}`)).size).toBe(panels.length);
});

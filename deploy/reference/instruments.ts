import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type InstrumentKind = 'counter' | 'gauge' | 'histogram';

export interface Instrument {
  readonly name: string;
  readonly kind: InstrumentKind;
  readonly unit: string;
}

const CREATE =
  /\.create(Histogram|Counter|UpDownCounter|ObservableGauge|ObservableCounter|ObservableUpDownCounter|Gauge)\(\s*(?:'([^']+)'|`([^`]+)`)(?:,\s*(?:\{\s*unit: '([^']+)'|(seconds)))?/g;

const KINDS: Record<string, InstrumentKind> = {
  Histogram: 'histogram',
  Counter: 'counter',
  ObservableCounter: 'counter',
  UpDownCounter: 'gauge',
  ObservableUpDownCounter: 'gauge',
  ObservableGauge: 'gauge',
  Gauge: 'gauge',
};

/** Every metric that the code makes, found in its text: a process shows only those that it has measured already. */
export function findInstruments(folder: string): Instrument[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
  );
  const found = files.flatMap((file) => instrumentsOf(readFileSync(join(folder, file), 'utf8')));
  return [...new Map(found.map((one) => [one.name, one])).values()].toSorted((a, b) =>
    a.name < b.name ? -1 : 1,
  );
}

function instrumentsOf(source: string): Instrument[] {
  return [...source.matchAll(CREATE)].flatMap(([, maker, plain, template, unit, seconds]) => {
    const kind = KINDS[maker!]!;
    const names = plain ? [plain] : ['server', 'client'].map((side) => template!.replace('${side}', side));
    return names.map((name) => ({ name, kind, unit: unit ?? (seconds ? 's' : '') }));
  });
}

/** The names that Prometheus knows it by. */
export function exportedNames({ name, kind }: Instrument): string[] {
  const plain = name.replaceAll('.', '_');
  if (kind === 'counter') return [`${plain}_total`];
  return kind === 'gauge' ? [plain] : [`${plain}_bucket`, `${plain}_sum`, `${plain}_count`];
}

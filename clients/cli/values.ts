import { durationFromMs, timestampFromMs, type Duration, type Timestamp } from '@bufbuild/protobuf/wkt';
import { Misuse } from './misuse.ts';

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Text such as 30s or 250ms; the bounds are the mesh's to say. */
export function readDuration(option: string, raw: string | undefined): Duration | undefined {
  const ms = readMilliseconds(option, raw);
  return ms === undefined ? undefined : durationFromMs(ms);
}

export function readMilliseconds(option: string, raw: string | undefined): number | undefined {
  if (raw === undefined) return undefined;
  const match = /^(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)$/.exec(raw.trim());
  if (!match) throw new Misuse(`${option} must be a duration like 250ms, 30s, 5m or 1h.`);
  return Math.round(Number(match[1]) * unitMs[match[2] as keyof typeof unitMs]);
}

/** A moment as `2026-12-24T18:00Z` (local time without the zone), or as a duration from now. */
export function readMoment(option: string, raw: string | undefined, now: number): Timestamp | undefined {
  if (raw === undefined) return undefined;
  const text = raw.trim();
  if (/^\d{1,9}(?:\.\d{1,6})?(?:ms|s|m|h|d)$/.test(text))
    return timestampFromMs(now + readMilliseconds(option, text)!);
  const ms = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms))
    throw new Misuse(
      `${option} must be a time like 2026-12-24T18:00 or 2026-12-24T18:00Z, or a duration from now like 2h.`,
    );
  return timestampFromMs(ms);
}

/** `true` and `false` as people write them. */
export function readSwitch(option: string, raw: string | undefined): boolean | undefined {
  if (raw === undefined) return undefined;
  if (/^(?:yes|on|true)$/i.test(raw)) return true;
  if (/^(?:no|off|false)$/i.test(raw)) return false;
  throw new Misuse(`${option} must be yes or no.`);
}

export function readId(option: string, raw: string | undefined): bigint | undefined {
  if (raw === undefined) return undefined;
  if (!/^[1-9]\d{0,17}$/.test(raw)) throw new Misuse(`${option} must be a number above 0.`);
  return BigInt(raw);
}

/** `key-` takes a label away, `key=value` sets one. */
export function readLabelChanges(
  option: string,
  raw: readonly string[] | undefined,
): ((labels: Readonly<Record<string, string>>) => Record<string, string>) | undefined {
  if (raw === undefined || raw.length === 0) return undefined;
  const removed = raw.filter((one) => !one.includes('=') && /.-$/.test(one)).map((one) => one.slice(0, -1));
  const kept = readLabels(
    option,
    raw.filter((one) => one.includes('=') || !/.-$/.test(one)),
  );
  for (const key of removed) if (key in kept) throw new Misuse(`${key} is both set and removed.`);
  return (labels) =>
    Object.fromEntries(Object.entries({ ...labels, ...kept }).filter(([key]) => !removed.includes(key)));
}

export function labelsText(labels: Readonly<Record<string, string>>): string {
  const text = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return text.length === 0 ? '–' : text.join(' ');
}

export function readLabels(option: string, raw: readonly string[] | undefined): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const one of raw ?? []) {
    const at = one.indexOf('=');
    if (at < 1) throw new Misuse(`${option} must look like key=value, for example team=support.`);
    labels[one.slice(0, at)] = one.slice(at + 1);
  }
  return labels;
}

export function readCount(
  option: string,
  raw: string | undefined,
  { max, byDefault }: { max: number; byDefault: number },
): number {
  if (raw === undefined) return byDefault;
  const count = /^\d{1,9}$/.test(raw) ? Number(raw) : 0;
  if (count < 1 || count > max) throw new Misuse(`${option} must be a number from 1 to ${max}.`);
  return count;
}

/** The enum value that is called so in lower case, without its prefix; 0 when nothing was said. */
export function readEnum<T extends number>(
  option: string,
  raw: string | undefined,
  choices: ReadonlyMap<string, T>,
): T | undefined {
  if (raw === undefined) return undefined;
  const found = choices.get(raw.trim().toLowerCase().replaceAll('-', '_'));
  if (found === undefined) throw new Misuse(`${option} must be one of ${[...choices.keys()].join(', ')}.`);
  return found;
}

/** `SESSION_STATE_NEEDS_LOGIN` → `needs_login`; the zero value, which says nothing, is left out. */
export function enumNames<T extends number>(schema: {
  readonly values: readonly { readonly number: number; readonly name: string }[];
}): Map<string, T> {
  const prefix = schema.values[0]!.name.replace(/UNSPECIFIED$/, '');
  return new Map(
    schema.values
      .filter(({ number }) => number !== 0)
      .map(({ number, name }) => [name.slice(prefix.length).toLowerCase(), number as T]),
  );
}

export function nameOf<T extends number>(names: ReadonlyMap<string, T>, value: T): string {
  for (const [name, number] of names) if (number === value) return name;
  return 'unknown';
}

/** One environment variable: what it means, and how its text becomes a value. */
export interface Field<T> {
  readonly variable: string;
  readonly doc: string;
  readonly secret: boolean;
  /** What --help shows as the default; absent when the variable must be set. */
  readonly defaultText?: string;
  /** Gets undefined when unset or empty. Throws an Error whose message never repeats a secret's text. */
  parse(raw: string | undefined): T;
}

export type Fields = Record<string, Field<unknown>>;

export type Config<F> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never };

export interface Fault {
  readonly variable: string;
  readonly problem: string;
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(
      `The configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n` +
        faults.map((fault) => `  ${fault.variable}: ${fault.problem}`).join('\n'),
    );
    this.faults = faults;
  }
}

interface Options<T> {
  doc: string;
  default?: T;
  secret?: boolean;
}

const unbounded = 8_192;

interface Shape<T> {
  doc: string;
  secret?: boolean;
  defaultText?: string;
  read(raw: string): T;
  unset(): T;
}

/** A field from a reader of present text and an answer for absent text. */
export function field<T>(variable: string, shape: Shape<T>): Field<T> {
  return {
    variable,
    doc: shape.doc,
    secret: shape.secret ?? false,
    defaultText: shape.defaultText,
    parse: (raw) => (raw === undefined ? shape.unset() : shape.read(raw)),
  };
}

export function required(): never {
  throw new Error('must be set');
}

function unsetOr<T>(value: T | undefined): () => T {
  return () => (value === undefined ? required() : value);
}

function boundedText(raw: string, maxLength: number): string {
  if (raw.length > maxLength)
    throw new Error(`is ${raw.length} characters long; at most ${maxLength} are allowed`);
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(raw)) throw new Error('has a control character in it (a line break?)');
  return raw;
}

export function text(variable: string, options: Options<string> & { maxLength?: number }): Field<string> {
  return field(variable, {
    doc: options.doc,
    secret: options.secret,
    defaultText: options.default,
    read: (raw) => boundedText(raw, options.maxLength ?? unbounded),
    unset: unsetOr(options.default),
  });
}

export function optionalText(
  variable: string,
  options: { doc: string; secret?: boolean; maxLength?: number; whenUnset?: string },
): Field<string | undefined> {
  return field<string | undefined>(variable, {
    doc: options.doc,
    secret: options.secret,
    defaultText: options.whenUnset ?? 'unset',
    read: (raw) => boundedText(raw, options.maxLength ?? unbounded),
    unset: () => undefined,
  });
}

export function integer(
  variable: string,
  options: { doc: string; default?: number; min: number; max: number },
): Field<number> {
  return field(variable, {
    doc: options.doc,
    defaultText: options.default?.toString(),
    read: (raw) => {
      if (!/^[+-]?\d{1,16}$/.test(raw.trim())) throw new Error(`must be a whole number, not ${quoted(raw)}`);
      const value = Number(raw);
      if (value < options.min || value > options.max)
        throw new Error(`must be between ${options.min} and ${options.max}, not ${value}`);
      return value;
    },
    unset: unsetOr(options.default),
  });
}

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export function parseDuration(raw: string): number {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(raw.trim());
  if (!match) throw new Error(`must be a duration like 250ms, 30s, 5m or 1h, not ${quoted(raw)}`);
  return Math.round(Number(match[1]) * unitMs[match[2] as keyof typeof unitMs]);
}

/** Text such as 30s or 250ms; the value is in milliseconds. */
export function duration(
  variable: string,
  options: { doc: string; default: string; min: string; max: string },
): Field<number> {
  const min = parseDuration(options.min);
  const max = parseDuration(options.max);
  return field(variable, {
    doc: options.doc,
    defaultText: options.default,
    read: (raw) => {
      const value = parseDuration(raw);
      if (value < min || value > max)
        throw new Error(`must be between ${options.min} and ${options.max}, not ${raw.trim()}`);
      return value;
    },
    unset: () => parseDuration(options.default),
  });
}

const words: Record<string, boolean> = {
  '1': true,
  true: true,
  yes: true,
  on: true,
  '0': false,
  false: false,
  no: false,
  off: false,
};

export function flag(variable: string, options: { doc: string; default: boolean }): Field<boolean> {
  return field(variable, {
    doc: options.doc,
    defaultText: options.default ? 'on' : 'off',
    read: (raw) => {
      const word = raw.trim().toLowerCase();
      if (!Object.hasOwn(words, word)) throw new Error(`must be on or off (or 1, 0), not ${quoted(raw)}`);
      return words[word] === true;
    },
    unset: () => options.default,
  });
}

/** Comma-separated; blanks around items are dropped, empty items are a fault. */
export function list(
  variable: string,
  options: Options<readonly string[]> & { maxItems?: number; maxLength?: number },
): Field<readonly string[]> {
  return field(variable, {
    doc: options.doc,
    secret: options.secret,
    defaultText: options.default && (options.default.join(',') || 'none'),
    read: (raw) => {
      const items = boundedText(raw, options.maxLength ?? unbounded)
        .split(',')
        .map((item) => item.trim());
      const maxItems = options.maxItems ?? 100;
      if (items.length > maxItems)
        throw new Error(`has ${items.length} items; at most ${maxItems} are allowed`);
      if (items.includes('')) throw new Error('has an empty item: separate the items with single commas');
      return items;
    },
    unset: unsetOr(options.default),
  });
}

export function choice<const V extends string>(
  variable: string,
  options: { doc: string; values: readonly V[]; default?: NoInfer<V> },
): Field<V> {
  return field(variable, {
    doc: `${options.doc} One of: ${options.values.join(', ')}.`,
    defaultText: options.default,
    read: (raw) => {
      const value = options.values.find((candidate) => candidate === raw.trim().toLowerCase());
      if (value === undefined)
        throw new Error(`must be one of ${options.values.join(', ')}, not ${quoted(raw)}`);
      return value;
    },
    unset: unsetOr(options.default),
  });
}

function quoted(raw: string): string {
  return JSON.stringify(raw.length > 40 ? `${raw.slice(0, 40)}…` : raw);
}

/** Reads every field, an empty variable counting as unset, and throws one ConfigError naming every fault. */
export function readConfig<F extends Fields>(fields: F, env: NodeJS.ProcessEnv): Config<F> {
  const values: Record<string, unknown> = {};
  const faults: Fault[] = [];
  for (const [key, declared] of Object.entries(fields)) {
    const raw = env[declared.variable];
    try {
      values[key] = declared.parse(raw === undefined || raw.trim() === '' ? undefined : raw);
    } catch (error) {
      faults.push({ variable: declared.variable, problem: (error as Error).message });
    }
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return values as Config<F>;
}

/** Set variables of this project that no field reads: most likely typing mistakes, worth a warning. */
export function unknownVariables(
  fields: Fields,
  env: NodeJS.ProcessEnv,
  known: readonly string[] = [],
): string[] {
  const read = new Set([...known, ...Object.values(fields).map((declared) => declared.variable)]);
  return Object.keys(env).filter((name) => name.startsWith('TELEGATE_') && !read.has(name));
}

/** The text of --help. */
export function describeConfig(program: string, purpose: string, fields: Fields): string {
  const entries = Object.values(fields).map((declared) => {
    const fallback =
      declared.defaultText === undefined
        ? 'must be set'
        : `default: ${declared.secret ? 'unset' : declared.defaultText}`;
    return `  ${declared.variable}  (${declared.secret ? 'secret; ' : ''}${fallback})\n${wrapped(declared.doc, 6)}`;
  });
  return `${program}: ${purpose}\n\nIt is configured by environment variables:\n\n${entries.join('\n')}\n`;
}

function wrapped(sentence: string, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of sentence.split(/\s+/)) {
    if (line !== '' && indent + line.length + 1 + word.length > 100) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((part) => ' '.repeat(indent) + part).join('\n');
}

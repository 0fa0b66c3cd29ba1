/** Why a value was not taken, in FastAPI's words. */
export class Fault {
  readonly msg: string;
  readonly type: string;

  constructor(type: string, msg: string) {
    this.type = type;
    this.msg = msg;
  }
}

/** One parameter of a route: how it is read, wherever it comes, and how the document describes it. */
export interface Field<T> {
  readonly schema: Readonly<Record<string, unknown>>;
  readonly isRequired: boolean;
  /** Never taken from a URL, which ends up in logs. */
  readonly isSecret?: boolean;
  /** For a field that is not required: what stands for it. */
  readonly absent?: T;
  read(value: unknown): T | Fault;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;

export type Input<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

interface Words {
  readonly description: string;
  readonly example?: unknown;
}

export function text(
  { min = 1, max = 256, ...words }: Words & { min?: number; max?: number },
  secret: 'secret' | '' = '',
): Field<string> {
  return {
    schema: { type: 'string', minLength: min, maxLength: max, ...words },
    isRequired: true,
    isSecret: secret === 'secret',
    read(value) {
      if (typeof value !== 'string') return new Fault('string_type', 'Input should be a valid string');
      if (value.length < min)
        return new Fault('string_too_short', `String should have at least ${count(min, 'character')}`);
      if (value.length > max)
        return new Fault('string_too_long', `String should have at most ${count(max, 'character')}`);
      if (!value.isWellFormed()) return new Fault('string_unicode', 'Input should be valid Unicode');
      return value;
    },
  };
}

/** A number is taken too, and is text from then on: an id, or a name. */
export function textOrNumber(words: Words): Field<string> {
  const asText = text(words);
  return {
    ...asText,
    schema: { anyOf: [{ type: 'string', minLength: 1, maxLength: 256 }, { type: 'integer' }], ...words },
    read: (value) => asText.read(Number.isSafeInteger(value) ? String(value) : value),
  };
}

export function whole({ min, max, ...words }: Words & { min: number; max: number }): Field<number> {
  return {
    schema: { type: 'integer', minimum: min, maximum: max, ...words },
    isRequired: true,
    read(value) {
      const number = typeof value === 'string' && /^\s*[+-]?\d{1,18}\s*$/.test(value) ? Number(value) : value;
      if (typeof number === 'string')
        return new Fault(
          'int_parsing',
          'Input should be a valid integer, unable to parse string as an integer',
        );
      if (typeof number !== 'number') return new Fault('int_type', 'Input should be a valid integer');
      if (!Number.isInteger(number))
        return new Fault(
          'int_from_float',
          'Input should be a valid integer, got a number with a fractional part',
        );
      return within(number, min, max);
    },
  };
}

export function decimal({ min, max, ...words }: Words & { min: number; max: number }): Field<number> {
  return {
    schema: { type: 'number', minimum: min, maximum: max, ...words },
    isRequired: true,
    read(value) {
      const number =
        typeof value === 'string' && /^\s*[+-]?\d{1,15}(?:\.\d{1,15})?\s*$/.test(value)
          ? Number(value)
          : value;
      if (typeof number === 'string')
        return new Fault(
          'float_parsing',
          'Input should be a valid number, unable to parse string as a number',
        );
      if (typeof number !== 'number') return new Fault('float_type', 'Input should be a valid number');
      return within(number, min, max);
    },
  };
}

export function flag(words: Words): Field<boolean> {
  return {
    schema: { type: 'boolean', ...words },
    isRequired: true,
    read(value) {
      if (typeof value === 'boolean') return value;
      const word = typeof value === 'string' ? value.toLowerCase() : '';
      if (['true', '1', 'yes', 'on'].includes(word)) return true;
      if (['false', '0', 'no', 'off'].includes(word)) return false;
      return new Fault('bool_parsing', 'Input should be a valid boolean, unable to interpret input');
    },
  };
}

export function oneOf<const T extends string>(words: readonly T[], more: Words): Field<T> {
  const [last, ...others] = words.map((word) => `'${word}'`).toReversed();
  const listed = others.length === 0 ? last : `${others.toReversed().join(', ')} or ${last}`;
  return {
    schema: { type: 'string', enum: words, ...more },
    isRequired: true,
    read: (value) => words.find((word) => word === value) ?? new Fault('enum', `Input should be ${listed}`),
  };
}

/** In a form: the name again for each, or one text with commas between. */
export function listOf<T>(
  item: Field<T>,
  { min = 1, max, ...words }: Words & { min?: number; max: number },
): Field<T[]> {
  return {
    schema: { type: 'array', items: item.schema, minItems: min, maxItems: max, ...words },
    isRequired: true,
    read(value) {
      const items =
        typeof value === 'string'
          ? value.split(',').flatMap((one) => one.trim() || [])
          : Array.isArray(value)
            ? (value as unknown[])
            : typeof value === 'number'
              ? [value]
              : undefined;
      if (!items) return new Fault('list_type', 'Input should be a valid list');
      if (items.length < min)
        return new Fault('too_short', `List should have at least ${count(min, 'item')} after validation`);
      if (items.length > max)
        return new Fault('too_long', `List should have at most ${count(max, 'item')} after validation`);
      const read: T[] = [];
      for (const one of items) {
        const taken = item.read(one);
        if (taken instanceof Fault) return taken;
        read.push(taken);
      }
      return read;
    },
  };
}

export function optional<T>(field: Field<T>): Field<T | undefined> {
  return { ...field, isRequired: false };
}

export function withDefault<T>(field: Field<T>, absent: T): Field<T> {
  return { ...field, isRequired: false, absent, schema: { ...field.schema, default: absent } };
}

function within(number: number, min: number, max: number): number | Fault {
  if (number < min) return new Fault('greater_than_equal', `Input should be greater than or equal to ${min}`);
  if (number > max) return new Fault('less_than_equal', `Input should be less than or equal to ${max}`);
  return number;
}

function count(number: number, of: string): string {
  return `${number} ${of}${number === 1 ? '' : 's'}`;
}

export type TypeKind =
  | 'int'
  | 'long'
  | 'int128'
  | 'int256'
  | 'double'
  | 'string'
  | 'bytes'
  | 'Bool'
  | 'true'
  | 'flags'
  | 'vector'
  | 'bare'
  | 'query'
  | 'object';

export interface FieldType {
  kind: TypeKind;
  /** Of a vector, what it holds; of a bare vector `boxed` is false. */
  item?: FieldType;
  boxed?: boolean;
  /** Of `bare`, the constructor's name. */
  name?: string;
}

export interface Field {
  name: string;
  type: FieldType;
  /** Present only when this bit of the field `flag.of` is set. */
  flag?: { of: string; bit: number };
}

export interface Definition {
  name: string;
  id: number;
  fields: readonly Field[];
  isFunction: boolean;
  result: FieldType;
}

export interface Schema {
  byId: ReadonlyMap<number, Definition>;
  byName: ReadonlyMap<string, Definition>;
}

const SIMPLE = new Set<string>([
  'int',
  'long',
  'int128',
  'int256',
  'double',
  'string',
  'bytes',
  'Bool',
  'true',
]);

/** Read and written by hand, or no constructors at all. */
const SKIPPED = new Set(['boolFalse', 'boolTrue', 'true', 'vector']);

export interface SchemaText {
  text: string;
  stringsAreText: boolean;
}

export function parseSchema(texts: readonly SchemaText[]): Schema {
  const byId = new Map<number, Definition>();
  const byName = new Map<string, Definition>();
  for (const { text, stringsAreText } of texts) {
    let isFunction = false;
    for (const raw of text.split('\n')) {
      const line = raw.replace(/\/\/.*$/, '').trim();
      if (line === '---functions---') isFunction = true;
      else if (line === '---types---') isFunction = false;
      else if (line !== '') {
        const definition = parseLine(line, isFunction, stringsAreText);
        if (!definition) continue;
        byId.set(definition.id, definition);
        byName.set(definition.name, definition);
      }
    }
  }
  return { byId, byName };
}

function parseLine(line: string, isFunction: boolean, stringsAreText: boolean): Definition | undefined {
  const match = /^([\w.]+)#([0-9a-f]+) (.*)= ([\w.<>]+);$/.exec(line);
  if (!match || SKIPPED.has(match[1]!)) return undefined;
  const fields: Field[] = [];
  for (const part of match[3]!.trim().split(/\s+/)) {
    const colon = part.indexOf(':');
    if (colon === -1 || part.startsWith('{')) continue;
    fields.push(parseField(part.slice(0, colon), part.slice(colon + 1), stringsAreText));
  }
  const result = parseType(match[4]!, true);
  return { name: match[1]!, id: Number.parseInt(match[2]!, 16), fields, isFunction, result };
}

function parseField(name: string, text: string, stringsAreText: boolean): Field {
  if (text === '#') return { name, type: { kind: 'flags' } };
  const flag = /^(\w+)\.(\d+)\?(.*)$/.exec(text);
  const isText = stringsAreText || name === 'error_message';
  if (!flag) return { name, type: parseType(text, isText) };
  return { name, type: parseType(flag[3]!, isText), flag: { of: flag[1]!, bit: Number(flag[2]) } };
}

function parseType(text: string, stringsAreText: boolean): FieldType {
  if (text === 'string') return { kind: stringsAreText ? 'string' : 'bytes' };
  if (SIMPLE.has(text)) return { kind: text as TypeKind };
  if (text.startsWith('!')) return { kind: 'query' };
  const vector = /^([vV])ector<(.*)>$/.exec(text);
  if (vector)
    return { kind: 'vector', boxed: vector[1] === 'V', item: parseType(vector[2]!, stringsAreText) };
  const last = text.slice(text.lastIndexOf('.') + 1);
  return /^[a-z]/.test(last) ? { kind: 'bare', name: text } : { kind: 'object' };
}

import { TlError, type TlObject } from './object.ts';
import type { Definition, FieldType, Schema } from './schema.ts';

export const VECTOR = 0x1cb5c415;
export const BOOL_TRUE = 0x997275b5;
export const BOOL_FALSE = 0xbc799737;

/** Deeper than any object of the schema; a message of brackets alone must not exhaust the stack. */
const DEEPEST = 32;

interface Reader {
  /** Reads one boxed object; bytes behind it are an error. */
  decode(bytes: Buffer): TlObject;
  /** Reads one boxed object from a place in the bytes and says where it ended. */
  decodeWrapped(bytes: Buffer, offset: number): { object: TlObject; end: number };
}

export function createReader(schema: Schema): Reader {
  const decodeWrapped: Reader['decodeWrapped'] = (bytes, offset) => {
    const cursor = new Cursor(schema, bytes, offset);
    const object = cursor.object();
    return { object, end: cursor.offset };
  };
  return {
    decodeWrapped,
    decode(bytes) {
      const { object, end } = decodeWrapped(bytes, 0);
      if (end !== bytes.length) throw new TlError(`${bytes.length - end} bytes are left behind ${object._}`);
      return object;
    },
  };
}

class Cursor {
  offset: number;
  readonly #schema: Schema;
  readonly #bytes: Buffer;
  #depth = 0;

  constructor(schema: Schema, bytes: Buffer, offset: number) {
    this.#schema = schema;
    this.#bytes = bytes;
    this.offset = offset;
  }

  object(): TlObject {
    const id = this.#uint();
    const definition = this.#schema.byId.get(id);
    if (!definition) throw new TlError(`unknown constructor ${id.toString(16).padStart(8, '0')}`, id);
    return this.#fields(definition);
  }

  #fields(definition: Definition): TlObject {
    if (++this.#depth > DEEPEST) throw new TlError(`objects are nested deeper than ${DEEPEST}`);
    const object: Record<string, unknown> = { _: definition.name };
    for (const { name, type, flag } of definition.fields) {
      if (!flag) object[name] = this.#value(type);
      else {
        const isSet = ((object[flag.of] as number) & (1 << flag.bit)) !== 0;
        if (type.kind === 'true') object[name] = isSet;
        else if (isSet) object[name] = this.#value(type);
      }
    }
    this.#depth -= 1;
    return object as unknown as TlObject;
  }

  #value(type: FieldType): unknown {
    switch (type.kind) {
      case 'int':
      case 'flags':
        return this.#take(4).readInt32LE(0);
      case 'long':
        return this.#take(8).readBigInt64LE(0);
      case 'int128':
        return this.#take(16);
      case 'int256':
        return this.#take(32);
      case 'double':
        return this.#take(8).readDoubleLE(0);
      case 'string':
        return this.#string().toString('utf8');
      case 'bytes':
        return this.#string();
      case 'Bool':
        return this.#bool();
      case 'true':
        return true;
      case 'vector':
        return this.#vector(type);
      case 'bare':
        return this.#fields(this.#schema.byName.get(type.name!)!);
      case 'query': {
        const rest = this.#bytes.subarray(this.offset);
        this.offset = this.#bytes.length;
        return rest;
      }
      case 'object':
        return this.object();
    }
  }

  #vector(type: FieldType): unknown[] {
    if (type.boxed) {
      const id = this.#uint();
      if (id !== VECTOR) throw new TlError(`a vector was expected, not ${id.toString(16)}`);
    }
    const count = this.#uint();
    // Every item takes four bytes at least.
    if (count * 4 > this.#bytes.length - this.offset) throw new TlError(`a vector of ${count} does not fit`);
    return Array.from({ length: count }, () => this.#value(type.item!));
  }

  #bool(): boolean {
    const id = this.#uint();
    if (id === BOOL_TRUE) return true;
    if (id === BOOL_FALSE) return false;
    throw new TlError(`a Bool was expected, not ${id.toString(16)}`);
  }

  #string(): Buffer {
    const first = this.#take(1)[0]!;
    if (first === 255) throw new TlError('a string has an impossible length');
    const length = first === 254 ? this.#take(3).readUIntLE(0, 3) : first;
    const head = first === 254 ? 4 : 1;
    const bytes = this.#take(length);
    this.#take(-(head + length) & 3);
    return bytes;
  }

  #uint(): number {
    return this.#take(4).readUInt32LE(0);
  }

  #take(count: number): Buffer {
    const end = this.offset + count;
    if (end > this.#bytes.length) throw new TlError('the bytes end in the middle of an object');
    const taken = this.#bytes.subarray(this.offset, end);
    this.offset = end;
    return taken;
  }
}

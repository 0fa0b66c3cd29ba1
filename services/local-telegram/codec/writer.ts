import { Encoded, TlError, type TlObject } from './object.ts';
import { BOOL_FALSE, BOOL_TRUE, VECTOR } from './reader.ts';
import type { Definition, Field, FieldType, Schema } from './schema.ts';

interface Writer {
  encode(object: TlObject | Encoded): Buffer;
  /** The answer of a method, which may be a bare Bool or a vector. */
  encodeResult(method: string, value: unknown): Buffer;
}

const FIRST_SIZE = 16 * 1024;

export function createWriter(schema: Schema): Writer {
  const sink = new Sink(schema);
  return {
    encode: (object) => (object instanceof Encoded ? object.bytes : sink.object(object)),
    encodeResult(method, value) {
      if (value instanceof Encoded) return value.bytes;
      const definition = schema.byName.get(method);
      if (!definition?.isFunction) throw new TlError(`there is no method ${method}`);
      return sink.one(definition.result, value);
    },
  };
}

/** One growing buffer for all that is encoded; what is handed out is a copy. */
class Sink {
  readonly #schema: Schema;
  #bytes = Buffer.allocUnsafe(FIRST_SIZE);
  #length = 0;

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  object(object: TlObject): Buffer {
    return this.one({ kind: 'object' }, object);
  }

  one(type: FieldType, value: unknown): Buffer {
    this.#length = 0;
    this.#value(type, value, 'result');
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  #boxed(object: TlObject | Encoded): void {
    if (object instanceof Encoded) {
      this.#raw(object.bytes);
      return;
    }
    const definition = this.#schema.byName.get(object._);
    if (!definition) throw new TlError(`there is no constructor ${object._}`);
    this.#uint(definition.id);
    this.#fields(definition, object);
  }

  #fields(definition: Definition, object: TlObject): void {
    for (const field of definition.fields) {
      if (field.type.kind === 'flags') this.#uint(flagsOf(definition, field.name, object));
      else if (!field.flag) this.#value(field.type, object[field.name], `${definition.name}.${field.name}`);
      else if (field.type.kind !== 'true' && object[field.name] !== undefined)
        this.#value(field.type, object[field.name], `${definition.name}.${field.name}`);
    }
  }

  #value(type: FieldType, value: unknown, where: string): void {
    if (value === undefined) throw new TlError(`${where} is missing`);
    switch (type.kind) {
      case 'int':
        this.#room(4);
        this.#length = this.#bytes.writeInt32LE(value as number, this.#length);
        return;
      case 'flags':
        return this.#uint(value as number);
      case 'long':
        this.#room(8);
        this.#length = this.#bytes.writeBigInt64LE(value as bigint, this.#length);
        return;
      case 'int128':
      case 'int256':
      case 'query':
        return this.#raw(value as Buffer);
      case 'double':
        this.#room(8);
        this.#length = this.#bytes.writeDoubleLE(value as number, this.#length);
        return;
      case 'string':
        return this.#string(Buffer.from(value as string, 'utf8'));
      case 'bytes':
        return this.#string(value as Buffer);
      case 'Bool':
        return this.#uint(value === true ? BOOL_TRUE : BOOL_FALSE);
      case 'true':
        return;
      case 'vector': {
        const items = value as unknown[];
        if (type.boxed) this.#uint(VECTOR);
        this.#uint(items.length);
        for (const item of items) this.#value(type.item!, item, where);
        return;
      }
      case 'bare':
        return this.#fields(this.#schema.byName.get(type.name!)!, value as TlObject);
      case 'object':
        return this.#boxed(value as TlObject);
    }
  }

  #string(bytes: Buffer): void {
    this.#room(bytes.length + 8);
    if (bytes.length < 254) this.#bytes[this.#length++] = bytes.length;
    else {
      this.#bytes[this.#length++] = 254;
      this.#length = this.#bytes.writeUIntLE(bytes.length, this.#length, 3);
    }
    const head = bytes.length < 254 ? 1 : 4;
    bytes.copy(this.#bytes, this.#length);
    this.#length += bytes.length;
    const padding = -(head + bytes.length) & 3;
    this.#bytes.fill(0, this.#length, this.#length + padding);
    this.#length += padding;
  }

  #raw(bytes: Buffer): void {
    this.#room(bytes.length);
    bytes.copy(this.#bytes, this.#length);
    this.#length += bytes.length;
  }

  #uint(value: number): void {
    this.#room(4);
    this.#length = this.#bytes.writeUInt32LE(value >>> 0, this.#length);
  }

  #room(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.#length + more));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

function flagsOf(definition: Definition, of: string, object: TlObject): number {
  let flags = 0;
  for (const field of definition.fields) {
    if (field.flag?.of === of && isPresent(field, object[field.name])) flags |= 1 << field.flag.bit;
  }
  return flags;
}

function isPresent(field: Field, value: unknown): boolean {
  return field.type.kind === 'true' ? value === true : value !== undefined;
}

/**
 * A TL object as plain data: `_` is the constructor's name, the rest its fields by their TL names. `int` is a
 * number, `long` a signed bigint, `int128`, `int256` and `bytes` a Buffer, `string` a string, a flag of type
 * `true` a boolean; a flagged field that is not there is undefined. The rest of a call (`!X`) is a Buffer.
 */
export interface TlObject {
  readonly _: string;
  readonly [field: string]: unknown;
}

/** An object that is encoded already: written as it stands, so that one message is encoded once for many. */
export class Encoded {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/** Bytes that are no TL object of the schema. */
export class TlError extends Error {
  /** The constructor that is not known, when that is the trouble. */
  readonly constructorId: number | undefined;

  constructor(message: string, constructorId?: number) {
    super(message);
    this.name = 'TlError';
    this.constructorId = constructorId;
  }
}

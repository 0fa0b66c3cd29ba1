import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parseSchema, type Schema } from './codec/schema.ts';
import { createReader } from './codec/reader.ts';
import { createWriter } from './codec/writer.ts';

/*
 * Only the text of the schema is taken from the package: the layer is then the one that the driver speaks, and
 * reading and writing are this server's own, with native integers and bounds.
 */
const load = createRequire(import.meta.url);
const apiText = load('telegram/tl/apiTl.js') as string;
const mtprotoText = load('telegram/tl/schemaTl.js') as string;

/** The TL layer of the schema: read from the file that says it, because loading that makes all its classes. */
export const LAYER = Number(
  /\bLAYER = (\d+)/.exec(readFileSync(load.resolve('telegram/tl/AllTLObjects.js'), 'utf8'))?.[1],
);

const schema: Schema = parseSchema([
  { text: apiText, stringsAreText: true },
  // In the schema of the protocol itself `string` is bytes, but for the text of an error.
  { text: mtprotoText, stringsAreText: false },
]);

export const { decode, decodeWrapped } = createReader(schema);
export const { encode, encodeResult } = createWriter(schema);

/** Whether the layer has a method of this name. */
export function isMethod(name: string): boolean {
  return schema.byName.get(name)?.isFunction === true;
}

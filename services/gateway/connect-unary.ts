import { isUtf8 } from 'node:buffer';
import type { OutgoingHttpHeaders } from 'node:http';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { codeToHttpStatus, errorToJson } from '@connectrpc/connect/protocol-connect';
import {
  fromBinary,
  fromJson,
  toBinary,
  toJson,
  type DescMessage,
  type DescMethod,
  type JsonValue,
  type MessageShape,
} from '@bufbuild/protobuf';
import { InvalidFields, MalformedMessage, MessageTooLarge } from '#lib/rpc/errors.ts';
import { enter, passedOn, type UnaryCall } from './bridge.ts';
import { toConnectError } from './connect-errors.ts';
import type { EdgeCall } from './edge-call.ts';
import type { Edge, EdgeRequest } from './edge.ts';
import { readBody } from './read-body.ts';

/** What is smaller costs more to compress than to send. */
const COMPRESS_FROM_BYTES = 1_024;
const JSON_TYPE = 'application/json';
const BINARY_TYPE = 'application/proto';

const compressors = {
  gzip: promisify(gzip),
  br: (bytes: Buffer) =>
    promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
};

/**
 * A single call over Connect's protocol, which is most of what comes: JSON from curl and browsers. The library
 * serves it too, at three times the cost, because it makes web requests, headers and streams of what Node has
 * already. It is left the rare rest: compressed requests, and whatever it has to refuse.
 */
export function isPlainUnary({ method, headers }: EdgeRequest): boolean {
  const encoding = headers['content-encoding'];
  return (
    method === 'POST' &&
    typeOf(headers['content-type']) !== undefined &&
    (encoding === undefined || encoding === 'identity')
  );
}

function typeOf(contentType: string | undefined): typeof JSON_TYPE | typeof BINARY_TYPE | undefined {
  if (contentType === JSON_TYPE || contentType === BINARY_TYPE) return contentType;
  return contentType !== undefined && /^application\/json; ?charset=utf-?8$/i.test(contentType)
    ? JSON_TYPE
    : undefined;
}

export async function serveUnary(
  edge: Edge,
  call: EdgeCall,
  method: DescMethod,
  options: { forward: UnaryCall; isOpen: boolean },
): Promise<void> {
  const { request } = call;
  const type = typeOf(request.headers['content-type'])!;
  try {
    const entered = enter(edge, call, 'unary', options.isOpen, timeoutOf(request));
    if (entered) await entered;
    const { maxMessageBytes } = edge.limits;
    const bytes = await readBody(call, maxMessageBytes);
    const message = parse(type, method.input, bytes);
    const answer = await options.forward(message, {
      ...passedOn(call),
      deadlineMs: call.remainingMs(),
      onCancellable: (cancel) => call.cancelAtEnd(cancel),
    });
    const encoded = serialize(type, method.output, answer);
    if (encoded.length > maxMessageBytes)
      throw new MessageTooLarge('response', maxMessageBytes, encoded.length);
    if (encoded.length < COMPRESS_FROM_BYTES) write(call, 200, { 'content-type': type }, encoded);
    else await writeCompressed(call, type, encoded);
  } catch (error) {
    writeError(call, error);
  }
}

function timeoutOf({ headers }: EdgeRequest): number | undefined {
  const text = headers['connect-timeout-ms'];
  if (text === undefined) return undefined;
  if (typeof text === 'string' && /^\d{1,10}$/.test(text)) return Number(text);
  const description = 'must be a whole number of milliseconds, of ten digits at the most';
  throw new InvalidFields([{ field: 'header connect-timeout-ms', description }]);
}

function parse<D extends DescMessage>(type: string, schema: D, bytes: Buffer): MessageShape<D> {
  if (type === BINARY_TYPE) {
    try {
      return fromBinary(schema, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    } catch (cause) {
      throw new MalformedMessage(schema.typeName, { cause });
    }
  }
  if (!isUtf8(bytes)) throw malformedJson('is not UTF-8');
  let value: JsonValue;
  try {
    value = JSON.parse(bytes.toString()) as JsonValue;
  } catch (error) {
    throw malformedJson(`is not valid JSON${placeOf(error as Error)}`);
  }
  try {
    return fromJson(schema, value, { ignoreUnknownFields: true });
  } catch (error) {
    throw malformedJson(whatIsWrong(error as Error, schema.typeName));
  }
}

function malformedJson(description: string): InvalidFields {
  return new InvalidFields([{ field: 'body', description }]);
}

/** The rest of these messages repeats what was sent, which may be a password. */
function placeOf({ message }: Error): string {
  const [, position] = /at position (\d+)/.exec(message) ?? [];
  return position === undefined ? '' : ` at position ${position}`;
}

function whatIsWrong({ message }: Error, typeName: string): string {
  const [, what] = /^cannot decode ((?:message|field|enum) [\w.]+) from JSON/.exec(message) ?? [];
  return `is no ${typeName}${what === undefined ? '' : `: ${what} has a value of another type`}`;
}

function serialize<D extends DescMessage>(type: string, schema: D, message: MessageShape<D>): Buffer {
  if (type === JSON_TYPE) return Buffer.from(JSON.stringify(toJson(schema, message)));
  const bytes = toBinary(schema, message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

async function writeCompressed(call: EdgeCall, type: string, encoded: Buffer): Promise<void> {
  const accepted = call.get('accept-encoding') ?? '';
  const [encoding] = /\b(?:gzip|br)\b/.exec(accepted) ?? [];
  if (encoding === undefined) {
    write(call, 200, { 'content-type': type }, encoded);
    return;
  }
  const compressed = await compressors[encoding as keyof typeof compressors](encoded);
  write(call, 200, { 'content-type': type, 'content-encoding': encoding }, compressed);
}

function writeError(call: EdgeCall, error: unknown): void {
  const failure = toConnectError(call.failed(error));
  const headers: OutgoingHttpHeaders = { 'content-type': JSON_TYPE };
  for (const [name, value] of failure.metadata) headers[name] = value;
  const body = Buffer.from(JSON.stringify(errorToJson(failure, undefined)));
  // What the caller still sends is of no use any more.
  call.request.resume();
  write(call, codeToHttpStatus(failure.code), headers, body);
}

function write(call: EdgeCall, status: number, headers: OutgoingHttpHeaders, body: Buffer): void {
  if (call.isClosed) return;
  headers['content-length'] = body.length;
  call.response.writeHead(status, headers).end(body);
}

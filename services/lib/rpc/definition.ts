import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethod,
  type DescService,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { MalformedMessage } from './errors.ts';

export function methodPath(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

export function encode<D extends DescMessage>(schema: D, message: MessageInitShape<D>): Buffer {
  const bytes = toBinary(schema, create(schema, message));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** From a plain view, so that byte fields are no Buffers, whose `slice` shares memory. */
export function decode<D extends DescMessage>(schema: D, bytes: Buffer): MessageShape<D> {
  return fromBinary(schema, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/**
 * The definition that grpc-js serves. Malformed bytes are handed on as a value: grpc-js would turn a throw
 * into INTERNAL. Answers are encoded before they reach grpc-js, so that one over the limit is a typed error.
 */
export function serviceDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.name, methodDefinition(method)]));
}

function methodDefinition(method: DescMethod): MethodDefinition<unknown, unknown> {
  const { input, output, methodKind } = method;
  return {
    path: methodPath(method),
    requestStream: methodKind === 'client_streaming' || methodKind === 'bidi_streaming',
    responseStream: methodKind === 'server_streaming' || methodKind === 'bidi_streaming',
    requestSerialize: (message) => encode(input, message as MessageShape<typeof input>),
    requestDeserialize: decoder(input),
    responseSerialize: asIs,
    responseDeserialize: (bytes) => decode(output, bytes),
  };
}

function decoder(schema: DescMessage): (bytes: Buffer) => unknown {
  return (bytes) => {
    try {
      return decode(schema, bytes);
    } catch (cause) {
      return new MalformedMessage(schema.typeName, { cause });
    }
  };
}

export function asIs(encoded: unknown): Buffer {
  return encoded as Buffer;
}

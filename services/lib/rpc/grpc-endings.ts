import { status, type ServerInterceptingCallInterface } from '@grpc/grpc-js';
import type { DescMessage } from '@bufbuild/protobuf';
import { DeadlineExceeded, InvalidFields, MalformedMessage, MessageTooLarge } from './errors.ts';
import type { Limits } from './limits.ts';

export type WireStatus = Parameters<ServerInterceptingCallInterface['sendStatus']>[0];

/** The error that tells the caller what to do, for the status with which grpc-js ends a call by itself. */
export function whatGrpcMeant(
  { code, details: text }: WireStatus,
  input: DescMessage,
  { maxMessageBytes }: Pick<Limits, 'maxMessageBytes'>,
): Error {
  const details = text ?? '';
  if (code === status.DEADLINE_EXCEEDED) return new DeadlineExceeded();
  if (code === status.RESOURCE_EXHAUSTED) return new MessageTooLarge('request', maxMessageBytes);
  if (details.startsWith('Invalid grpc-timeout'))
    return new InvalidFields([{ field: 'metadata grpc-timeout', description: 'is no gRPC timeout' }]);
  if (code === status.UNIMPLEMENTED || details.includes('decompress'))
    return new MalformedMessage(input.typeName, { cause: new Error(details) });
  return new Error(`grpc-js ended the call: ${details}`);
}

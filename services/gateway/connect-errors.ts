import { Code, ConnectError } from '@connectrpc/connect';
import { createRegistry, fromBinary, toJson, type JsonValue } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { file_google_rpc_error_details } from '#gen/google/rpc/error_details_pb.ts';
import { DeadlineExceeded, MalformedMessage, type DomainError } from '#lib/rpc/errors.ts';
import { toStatusMessage } from '#lib/rpc/status.ts';
import { retryAfterSeconds } from './http/answer.ts';

const detailTypes = createRegistry(file_google_rpc_error_details);

/** With the details that it has in the mesh; in JSON they are readable too, as `debug`. */
export function toConnectError(error: DomainError): ConnectError {
  const { code, message, details } = toStatusMessage(error);
  const { retryAfterMs } = error;
  const headers =
    retryAfterMs === undefined ? undefined : { 'retry-after': String(retryAfterSeconds(retryAfterMs)) };
  const connectError = new ConnectError(message, code, headers, undefined, error);
  connectError.details = details.map((detail) => ({
    type: detail.typeUrl.slice(detail.typeUrl.lastIndexOf('/') + 1),
    value: detail.value,
    ...readable(detail),
  }));
  return connectError;
}

function readable({ typeUrl, value }: Any): { debug?: JsonValue } {
  const type = detailTypes.getMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1));
  return type ? { debug: toJson(type, fromBinary(type, value)) } : {};
}

/** Faults that Connect itself finds in a request, in the words and with the details of the mesh. */
export function fromConnectError(error: ConnectError, typeName: string): DomainError | undefined {
  switch (error.code) {
    case Code.DeadlineExceeded:
      return new DeadlineExceeded();
    case Code.InvalidArgument:
      return new MalformedMessage(typeName, { cause: error });
    default:
      return undefined;
  }
}

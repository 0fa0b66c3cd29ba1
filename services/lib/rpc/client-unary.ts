import { Metadata, status, type ClientUnaryCall, type ServiceError } from '@grpc/grpc-js';
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { cancelSignals, type CallOptions, type ClientRoute, type ClientState } from './client-state.ts';
import { asIs, decode, encode } from './definition.ts';
import { MessageTooLarge } from './errors.ts';
import { fromStatus } from './status.ts';
import { endSpan, recordCall, startClientSpan } from './tracing.ts';

export async function callUnary(
  state: ClientState,
  route: ClientRoute,
  request: MessageInitShape<DescMessage>,
  options: CallOptions | undefined,
): Promise<MessageShape<DescMessage>> {
  const bytes = encodeRequest(state, route, request);
  const wireOptions = state.wireOptions(options, 'unary');
  const signals = cancelSignals(options);
  for (const signal of signals) signal.throwIfAborted();
  const metadata = new Metadata();
  const startedAt = performance.now();
  const span = startClientSpan(route.telemetry, metadata);
  let code: status = status.OK;
  let failure: unknown;
  try {
    const authorised = state.authorise(metadata, options);
    if (authorised) await authorised;
    return await new Promise<MessageShape<DescMessage>>((resolve, reject) => {
      const call: ClientUnaryCall = state.channel.makeUnaryRequest(
        route.path,
        asIs,
        (answer) => decode(route.output, answer),
        bytes,
        metadata,
        wireOptions,
        (error, answer) => {
          for (const signal of signals) signal.removeEventListener('abort', cancel);
          if (error) reject(error);
          else resolve(answer!);
        },
      );
      const cancel = (): void => call.cancel();
      for (const signal of signals) signal.addEventListener('abort', cancel, { once: true });
      options?.onCancellable?.(cancel);
    });
  } catch (error) {
    failure = isServiceError(error) ? fromStatus(error, state.dependency) : error;
    code = isServiceError(error) ? error.code : status.UNKNOWN;
    throw failure;
  } finally {
    endSpan('client', span, code, failure);
    recordCall(state.metrics, route.telemetry, code, startedAt);
  }
}

export function encodeRequest(
  state: ClientState,
  route: ClientRoute,
  request: MessageInitShape<DescMessage>,
): Buffer {
  const bytes = encode(route.input, request);
  if (bytes.length > state.maxMessageBytes) {
    throw new MessageTooLarge('request', state.maxMessageBytes, bytes.length);
  }
  return bytes;
}

export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'details' in error && 'metadata' in error && 'code' in error;
}

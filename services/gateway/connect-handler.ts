import { createConnectRouter, createContextValues, type ConnectRouterOptions } from '@connectrpc/connect';
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
} from '@connectrpc/connect-node';
import type { UniversalHandler, UniversalServerResponse } from '@connectrpc/connect/protocol';
import { methodPath } from '#lib/rpc/definition.ts';
import { methodTelemetry } from '#lib/rpc/tracing.ts';
import { createGate, edgeCallKey, type Bridge } from './bridge.ts';
import { isPlainUnary, serveUnary } from './connect-unary.ts';
import { rpcAttributes, type EdgeCall, type Target } from './edge-call.ts';
import type { Edge } from './edge.ts';
import { detail, Refusal } from './http/answer.ts';

export interface RpcRoute {
  readonly target: Target;
  /** Resolves when all of the answer is with the connection, or nobody is there to take it. */
  serve(call: EdgeCall): Promise<void>;
}

/** Connect, gRPC-Web and gRPC, by path. */
export function rpcRoutes(edge: Edge, bridges: readonly Bridge[]): ReadonlyMap<string, RpcRoute> {
  const { maxMessageBytes } = edge.limits;
  const options: ConnectRouterOptions = {
    acceptCompression: [compressionGzip, compressionBrotli],
    readMaxBytes: maxMessageBytes,
    writeMaxBytes: maxMessageBytes,
    requestGate: createGate(edge, new Set(bridges.flatMap(({ openMethods }) => openMethods))),
  };
  const router = createConnectRouter(options);
  for (const bridge of bridges) bridge.register(router);
  const byService = new Map(bridges.map((bridge) => [bridge.service.typeName, bridge]));
  return new Map(
    router.handlers.map((handler) => [
      handler.requestPath,
      {
        target: targetOf(handler),
        serve: serveMethod(edge, handler, byService.get(handler.service.typeName)!),
      },
    ]),
  );
}

function targetOf({ method }: UniversalHandler): Target {
  const telemetry = methodTelemetry('server', methodPath(method));
  return { kind: 'rpc', telemetry, attributes: rpcAttributes(telemetry) };
}

function serveMethod(edge: Edge, handler: UniversalHandler, bridge: Bridge): RpcRoute['serve'] {
  const { method } = handler;
  if (method.methodKind !== 'unary') return (call) => serveRpc(handler, call);
  const options = { forward: bridge.forwardUnary(method), isOpen: bridge.openMethods.includes(method) };
  return (call) =>
    isPlainUnary(call.request) ? serveUnary(edge, call, method, options) : serveRpc(handler, call);
}

async function serveRpc(handler: UniversalHandler, call: EdgeCall): Promise<void> {
  const values = createContextValues().set(edgeCallKey, call);
  const { request, response } = call;
  const universal = universalRequest(() =>
    universalRequestFromNodeRequest(request, response, undefined, values),
  );
  await writeAnswer(await handler(universal), call);
}

/** A host or a path of which no URL can be made. */
function universalRequest<T>(make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw new Refusal(detail(400, 'The request names no valid host and path'), { cause });
  }
}

async function writeAnswer(answer: UniversalServerResponse, call: EdgeCall): Promise<void> {
  const { response } = call;
  const chunks = answer.body?.[Symbol.asyncIterator]();
  try {
    if (!response.headersSent && !call.isClosed) {
      response.writeHead(answer.status, answer.header && Object.fromEntries(answer.header));
    }
    for (let chunk = await chunks?.next(); chunk && !chunk.done; chunk = await chunks?.next()) {
      if (call.isClosed) return;
      if (!response.write(chunk.value)) await readerTookSome(call);
    }
    if (call.isClosed) return;
    if (answer.trailer) response.addTrailers(Object.fromEntries(answer.trailer));
    response.end(() => call.answered());
  } finally {
    await chunks?.return?.();
  }
}

function readerTookSome(call: EdgeCall): Promise<void> {
  const { response } = call;
  const { promise, resolve } = Promise.withResolvers<void>();
  const stall = call.waitForReader();
  const goOn = (): void => {
    stall.over();
    response.off('drain', goOn).off('close', goOn);
    resolve();
  };
  response.once('drain', goOn).once('close', goOn);
  return promise;
}

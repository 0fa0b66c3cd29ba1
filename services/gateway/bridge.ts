import {
  Code,
  ConnectError,
  createContextKey,
  type ConnectRouter,
  type ContextKey,
  type HandlerContext,
} from '@connectrpc/connect';
import type { DescMessage, DescMethod, DescService, MessageShape } from '@bufbuild/protobuf';
import type { CallKind } from '#lib/rpc/admission.ts';
import { publicAccess } from '#lib/rpc/access.ts';
import type { Client } from '#lib/rpc/client.ts';
import type { CallOptions } from '#lib/rpc/client-state.ts';
import type { BidiStream, ResponseStream } from '#lib/rpc/client-streams.ts';
import { methodPath } from '#lib/rpc/definition.ts';
import { Cancelled, DeadlineExceeded } from '#lib/rpc/errors.ts';
import { fromConnectError, toConnectError } from './connect-errors.ts';
import type { EdgeCall } from './edge-call.ts';
import type { Edge } from './edge.ts';

export interface BridgeOptions<S extends DescService> {
  /** Calls between services, which nobody outside may make. */
  hidden?: readonly (keyof S['method'])[];
  /** Streams that stay open for hours: their spans end when they are open. */
  longLived?: readonly (keyof S['method'])[];
  /** Calls that need no credentials, and read none. */
  open?: readonly (keyof S['method'])[];
}

/** A service of the mesh as the edge serves it: each call goes on over the client, for the same caller. */
export interface Bridge {
  readonly methods: readonly DescMethod[];
  readonly service: DescService;
  /** Those of them that need no credentials. */
  readonly openMethods: readonly DescMethod[];
  /** Carries a single call on. */
  forwardUnary(method: DescMethod): UnaryCall;
  register(router: ConnectRouter): void;
}

type Message = MessageShape<DescMessage>;

interface AnyClient {
  [method: string]: unknown;
}

/** How the request that a Connect handler answers is found. */
export const edgeCallKey: ContextKey<EdgeCall | undefined> = createContextKey<EdgeCall | undefined>(
  undefined,
  { description: 'edge call' },
);

export function bridge<S extends DescService>(
  service: S,
  client: Client<S>,
  options: BridgeOptions<S> = {},
): Bridge {
  const hidden = new Set<PropertyKey>(options.hidden);
  const longLived = new Set<PropertyKey>(options.longLived);
  const methods = service.methods.filter(({ localName }) => !hidden.has(localName));
  const isOpen = new Set<PropertyKey>(options.open);
  return {
    service,
    methods,
    openMethods: methods.filter(({ localName }) => isOpen.has(localName)),
    forwardUnary: (method) => (client as AnyClient)[method.localName] as UnaryCall,
    register(router) {
      for (const method of methods) {
        const call = (client as AnyClient)[method.localName];
        const isLongLived = longLived.has(method.localName);
        switch (method.methodKind) {
          case 'unary':
            router.rpc(method as never, unary(method, call as UnaryCall) as never);
            break;
          case 'server_streaming':
            router.rpc(method as never, serverStream(method, call as StreamCall, isLongLived) as never);
            break;
          case 'bidi_streaming':
            router.rpc(method as never, bidi(method, call as BidiCall, isLongLived) as never);
            break;
          default:
            throw new Error(`${methodPath(method)} streams requests alone, which is not served here`);
        }
      }
    },
  };
}

/**
 * Runs before a request's body is read: who is refused here costs nothing more. What the caller may do is for
 * the service to say; here it is only known who calls.
 */
export function createGate(
  edge: Edge,
  openMethods: ReadonlySet<DescMethod>,
): (context: HandlerContext) => Promise<void> {
  return async (context) => {
    const call = callOf(context);
    const { method } = context;
    const kind: CallKind = method.methodKind === 'unary' ? 'unary' : 'stream';
    try {
      await enter(edge, call, kind, openMethods.has(method), context.timeoutMs());
      context.signal.addEventListener('abort', () => call.end(reasonOf(context.signal)), { once: true });
    } catch (error) {
      throw toConnectError(call.failed(error));
    }
  };
}

/** Without a promise where the caller is known already. */
export function enter(
  edge: Edge,
  call: EdgeCall,
  kind: CallKind,
  isOpen: boolean,
  timeoutMs: number | undefined,
): void | Promise<void> {
  call.countAddress();
  const known = isOpen ? publicAccess : edge.authenticate(call);
  if (!(known instanceof Promise)) return call.admit(kind, known, timeoutMs);
  return known.then((authenticated) => call.admit(kind, authenticated, timeoutMs));
}

export type UnaryCall = (request: Message, options: CallOptions) => Promise<Message>;
type StreamCall = (request: Message, options: CallOptions) => ResponseStream<DescMessage>;
type BidiCall = (options: CallOptions) => BidiStream<DescMessage, DescMessage>;

function unary(method: DescMethod, forward: UnaryCall) {
  return async (request: Message, context: HandlerContext): Promise<Message> => {
    const call = callOf(context);
    try {
      return await forward(request, { ...passedOn(call), deadlineMs: call.remainingMs() });
    } catch (error) {
      throw failure(call, error, method);
    }
  };
}

function serverStream(method: DescMethod, forward: StreamCall, isLongLived: boolean) {
  return async function* (request: Message, context: HandlerContext): AsyncGenerator<Message> {
    const call = callOf(context);
    try {
      const stream = forward(request, { ...passedOn(call), isLongLived });
      sayWhenOpen(stream.opened, call, context, isLongLived);
      yield* stream;
    } catch (error) {
      throw failure(call, error, method);
    }
  };
}

function bidi(method: DescMethod, forward: BidiCall, isLongLived: boolean) {
  return async function* (
    requests: AsyncIterable<Message>,
    context: HandlerContext,
  ): AsyncGenerator<Message> {
    const call = callOf(context);
    let requestFault: ConnectError | undefined;
    let stream: BidiStream<DescMessage, DescMessage> | undefined;
    try {
      stream = forward({ ...passedOn(call), isLongLived });
      sayWhenOpen(stream.opened, call, context, isLongLived);
      void passRequests(requests, stream, (fault) => {
        requestFault ??= fault;
      });
      yield* stream.responses;
    } catch (error) {
      throw requestFault ? unreadable(call, requestFault, method) : failure(call, error, method);
    } finally {
      stream?.cancel();
    }
  };
}

/** One by one, each when the service has room for it. A request that can not be read ends the call. */
async function passRequests(
  requests: AsyncIterable<Message>,
  stream: BidiStream<DescMessage, DescMessage>,
  onFault: (fault: ConnectError) => void,
): Promise<void> {
  try {
    for await (const request of requests) await stream.send(request);
    stream.end();
  } catch (error) {
    // A stream that is over says so by its responses; what is left is of the request.
    if (error instanceof ConnectError && error.code !== Code.Canceled) onFault(error);
    stream.cancel();
  }
}

/** An answer begins when the service has opened the stream, not with the first message, which may be long in coming. */
function sayWhenOpen(
  opened: Promise<unknown>,
  call: EdgeCall,
  context: HandlerContext,
  isLongLived: boolean,
): void {
  opened.then(
    () => {
      if (isLongLived) call.opened();
      if (!call.response.headersSent && !call.isClosed) {
        call.response.writeHead(200, Object.fromEntries(context.responseHeader));
        call.response.flushHeaders();
      }
    },
    () => undefined,
  );
}

export function passedOn(call: EdgeCall): CallOptions {
  const metadata: Record<string, string> = {};
  const tenant = call.get('x-tenant-id');
  if (tenant !== undefined) metadata['x-tenant-id'] = tenant;
  const address = call.request.socket.remoteAddress;
  // Who guesses passwords is told apart by it.
  if (address !== undefined) metadata['x-client-address'] = address;
  return { parent: call, metadata };
}

function failure(call: EdgeCall, error: unknown, method: DescMethod): ConnectError {
  if (error instanceof ConnectError && !call.endReason) return unreadable(call, error, method);
  return toConnectError(call.failed(error));
}

/** A request that Connect itself finds fault with. */
function unreadable(call: EdgeCall, fault: ConnectError, method: DescMethod): ConnectError {
  const known = fromConnectError(fault, method.input.typeName);
  if (!known) return fault;
  call.failed(known);
  return toConnectError(known);
}

function reasonOf(signal: AbortSignal): Cancelled | DeadlineExceeded {
  const { reason } = signal as { reason: unknown };
  return reason instanceof ConnectError && reason.code === Code.DeadlineExceeded
    ? new DeadlineExceeded()
    : new Cancelled();
}

function callOf(context: HandlerContext): EdgeCall {
  const call = context.values.get(edgeCallKey);
  if (!call) throw new Error('a handler was called outside of a request');
  return call;
}

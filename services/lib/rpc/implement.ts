import type {
  DescMessage,
  DescMethod,
  DescService,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import type { Principal } from '#lib/auth/principal.ts';
import type { Access } from '#lib/auth/scopes.ts';
import type { OutStream } from './streams.ts';

/** What a handler knows of the call it answers. */
export interface CallContext {
  readonly principal: Principal;
  /** Aborts when the caller cancels, the deadline passes, the right to the call ends or the process stops. */
  readonly signal: AbortSignal;
  /** Epoch milliseconds; Infinity for a stream without one. */
  readonly deadline: number;
  remainingMs(): number;
  readonly traceId: string;
  readonly metadata: CallMetadata;
  /** The address of the caller's socket. */
  readonly peer: string;
  /** Called when the process begins to stop, before the call is ended; returns what takes the listener away. */
  onGoAway(listener: () => void): () => void;
}

export interface CallMetadata {
  get(name: string): string | undefined;
  has(name: string): boolean;
}

export type Unary<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  ctx: CallContext,
) => Promise<MessageInitShape<O>>;

export type ServerStream<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  out: OutStream<O>,
  ctx: CallContext,
) => Promise<void>;

export type Bidi<I extends DescMessage, O extends DescMessage> = (
  incoming: AsyncIterable<MessageShape<I>>,
  out: OutStream<O>,
  ctx: CallContext,
) => Promise<void>;

export type Handler<M extends Pick<DescMethod, 'input' | 'output' | 'methodKind'>> =
  M['methodKind'] extends 'unary'
    ? Unary<M['input'], M['output']>
    : M['methodKind'] extends 'server_streaming'
      ? ServerStream<M['input'], M['output']>
      : M['methodKind'] extends 'bidi_streaming'
        ? Bidi<M['input'], M['output']>
        : never;

export type Handlers<S extends DescService> = { [K in keyof S['method']]: Handler<S['method'][K]> };

export type AccessTable<S extends DescService> = Record<keyof S['method'], Access>;

export interface ImplementOptions<S extends DescService> {
  /** Streams that stay open for hours: their span ends when they are open, not when they end. */
  longLived?: readonly (keyof S['method'])[];
}

export interface ImplementedMethod {
  readonly method: DescMethod;
  readonly access: Access;
  readonly isLongLived: boolean;
  readonly handler:
    | Unary<DescMessage, DescMessage>
    | ServerStream<DescMessage, DescMessage>
    | Bidi<DescMessage, DescMessage>;
}

export interface Implementation {
  readonly service: DescService;
  readonly methods: readonly ImplementedMethod[];
}

/** Binds handlers to a service, each method with what it asks of its caller. */
export function implement<S extends DescService>(
  service: S,
  handlers: Handlers<S>,
  scopes: AccessTable<S>,
  options: ImplementOptions<S> = {},
): Implementation {
  const longLived = new Set<PropertyKey>(options.longLived);
  const methods = service.methods.map((method): ImplementedMethod => {
    const handler = (handlers as Record<string, ImplementedMethod['handler'] | undefined>)[method.localName];
    const access = (scopes as Record<string, Access | undefined>)[method.localName];
    if (!handler || !access) {
      throw new Error(`${service.typeName}.${method.name} has no ${handler ? 'access rule' : 'handler'}`);
    }
    if (method.methodKind === 'client_streaming') {
      throw new Error(`${service.typeName}.${method.name} streams requests alone, which is not served here`);
    }
    return { method, access, handler, isLongLived: longLived.has(method.localName) };
  });
  return { service, methods };
}

import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import {
  Client as Channel,
  credentials as channelCredentials,
  type ChannelOptions,
  type VerifyOptions,
} from '@grpc/grpc-js';
import type {
  DescMessage,
  DescMethod,
  DescService,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import type { Principal } from '#lib/auth/principal.ts';
import { systemClock, type Clock } from '#lib/lifecycle/clock.ts';
import type { CallOptions, ClientRoute, ClientState } from './client-state.ts';
import { callUnary } from './client-unary.ts';
import { openBidi, openServerStream, type BidiStream, type ResponseStream } from './client-streams.ts';
import { shrink } from './deadlines.ts';
import { methodPath } from './definition.ts';
import { DeadlineExceeded } from './errors.ts';
import { defaultLimits } from './limits.ts';
import { breakSilentConnections } from './silent-connection.ts';
import { callMetrics, methodTelemetry } from './tracing.ts';

const CONNECT_TIMEOUT_MS = 5_000;

export interface ClientTls {
  /** The authority of the server's certificate; the system's authorities when not given. */
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
}

export interface ConnectOptions {
  /** `host:port`, or a gRPC target such as `dns:///pool.internal:50051`. */
  address: string;
  apiKey?: string;
  /** A bearer token, or what makes one for the caller of the call at hand. */
  token?: string | ((caller: Principal | undefined) => string | Promise<string>);
  tls?: ClientTls;
  /** For unary calls; streams have no deadline unless the call gives one. */
  defaultDeadlineMs?: number;
  maxMessageBytes?: number;
  /** `round_robin` spreads calls over all addresses that the name resolves to. */
  balancing?: 'pick_first' | 'round_robin';
  keepaliveTimeMs?: number;
  keepaliveTimeoutMs?: number;
  /** A new connection on which the server says nothing for this long is broken and made anew. */
  connectTimeoutMs?: number;
  clock?: Clock;
}

type MethodShape = Pick<DescMethod, 'input' | 'output' | 'methodKind'>;

export type ClientMethod<M extends MethodShape> = M['methodKind'] extends 'unary'
  ? (request: MessageInitShape<M['input']>, options?: CallOptions) => Promise<MessageShape<M['output']>>
  : M['methodKind'] extends 'server_streaming'
    ? (request: MessageInitShape<M['input']>, options?: CallOptions) => ResponseStream<M['output']>
    : M['methodKind'] extends 'bidi_streaming'
      ? (options?: CallOptions) => BidiStream<M['input'], M['output']>
      : never;

export type Client<S extends DescService> = { [K in keyof S['method']]: ClientMethod<S['method'][K]> } & {
  /** Ends the connection; open calls end with CANCELLED. */
  close(): void;
};

export function connect<S extends DescService>(service: S, options: ConnectOptions): Client<S> {
  const state = clientState(service, options);
  const server = serverOf(options.address);
  const methods = service.methods.map((method) => {
    const path = methodPath(method);
    const route = {
      path,
      input: method.input,
      output: method.output,
      telemetry: methodTelemetry('client', path, server),
    };
    return [method.localName, clientMethod(state, route, method.methodKind)];
  });
  return { ...Object.fromEntries(methods), close: () => state.channel.close() };
}

function clientMethod(state: ClientState, route: ClientRoute, kind: DescMethod['methodKind']): unknown {
  switch (kind) {
    case 'unary':
      return (request: MessageInitShape<DescMessage>, options?: CallOptions) =>
        callUnary(state, route, request, options);
    case 'server_streaming':
      return (request: MessageInitShape<DescMessage>, options?: CallOptions) =>
        openServerStream(state, route, request, options);
    default:
      return (options?: CallOptions) => openBidi(state, route, options);
  }
}

function clientState(service: DescService, options: ConnectOptions): ClientState {
  const { clock = systemClock, defaultDeadlineMs = defaultLimits.defaultDeadlineMs } = options;
  const { connectTimeoutMs = CONNECT_TIMEOUT_MS } = options;
  const maxMessageBytes = options.maxMessageBytes ?? defaultLimits.maxMessageBytes;
  return {
    channel: new Channel(
      options.address,
      breakSilentConnections(credentialsOf(options), { limitMs: connectTimeoutMs, clock }),
      channelOptions(options, maxMessageBytes),
    ),
    dependency: service.name,
    maxMessageBytes,
    clock,
    metrics: callMetrics('client'),
    authorise: authoriser(options),
    wireOptions(call, kind) {
      const wantedMs = call?.deadlineMs ?? (kind === 'unary' ? defaultDeadlineMs : Infinity);
      const allowedMs = call?.parent ? shrink(call.parent.remainingMs(), wantedMs) : wantedMs;
      if (allowedMs === 0) throw new DeadlineExceeded();
      return allowedMs === Infinity ? {} : { deadline: clock.now() + allowedMs };
    },
  };
}

function channelOptions(options: ConnectOptions, maxMessageBytes: number): ChannelOptions {
  const balancing = options.balancing ?? 'pick_first';
  return {
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.keepalive_time_ms': options.keepaliveTimeMs ?? defaultLimits.keepaliveTimeMs,
    'grpc.keepalive_timeout_ms': options.keepaliveTimeoutMs ?? defaultLimits.keepaliveTimeoutMs,
    'grpc.keepalive_permit_without_calls': 1,
    // A mesh that was away is found again within seconds, not after the two minutes of gRPC's default.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2_000,
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ [balancing]: {} }] }),
    'grpc.service_config_disable_resolution': 1,
    // The proxies of the environment are for the outer world.
    'grpc.enable_http_proxy': 0,
    'grpc.enable_channelz': 0,
    ...(options.tls && ipOf(options.address) !== undefined
      ? { 'grpc.ssl_target_name_override': NAME_FOR_AN_IP }
      : {}),
  };
}

/** TLS names no server by its IP address, and Node refuses to try; the certificate must name the address all the same. */
const NAME_FOR_AN_IP = 'ip-address.invalid';

function credentialsOf({
  tls,
  address,
}: ConnectOptions): ReturnType<typeof channelCredentials.createInsecure> {
  if (!tls) return channelCredentials.createInsecure();
  const ip = ipOf(address);
  const verify: VerifyOptions =
    ip === undefined ? {} : { checkServerIdentity: (_name, cert) => checkServerIdentity(ip, cert) };
  return channelCredentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.cert ?? null, verify);
}

function ipOf(address: string): string | undefined {
  const host = serverOf(address).address?.replace(/^\[(.*)\]$/, '$1');
  return host !== undefined && isIP(host) !== 0 ? host : undefined;
}

function authoriser({ apiKey, token }: ConnectOptions): ClientState['authorise'] {
  return (metadata, options) => {
    if (apiKey !== undefined) metadata.set('x-api-key', apiKey);
    for (const [name, value] of Object.entries(options?.metadata ?? {})) metadata.set(name, value);
    if (token === undefined) return undefined;
    const made = typeof token === 'string' ? token : token(options?.parent?.principal);
    if (typeof made === 'string') return metadata.set('authorization', `Bearer ${made}`);
    return made.then((text) => metadata.set('authorization', `Bearer ${text}`));
  };
}

function serverOf(address: string): { address?: string; port?: number } {
  const match = /(?:^|\/)(\[[^\]]+\]|[^/:]+):(\d+)$/.exec(address);
  return match ? { address: match[1], port: Number(match[2]) } : { address };
}

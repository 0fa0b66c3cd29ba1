import {
  Metadata,
  status,
  type ClientDuplexStream,
  type ClientReadableStream,
  type StatusObject,
} from '@grpc/grpc-js';
import { context, type Span } from '@opentelemetry/api';
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { cancelSignals, type CallOptions, type ClientRoute, type ClientState } from './client-state.ts';
import { encodeRequest, isServiceError } from './client-unary.ts';
import { asIs, decode } from './definition.ts';
import { Cancelled } from './errors.ts';
import { fromStatus } from './status.ts';
import { endSpan, recordCall, startClientSpan } from './tracing.ts';

export interface ResponseStream<O extends DescMessage> extends AsyncIterable<MessageShape<O>> {
  /** Resolves with the answer's metadata when the server has opened the stream; rejects when it refuses. */
  readonly opened: Promise<Metadata>;
  cancel(): void;
}

export interface BidiStream<I extends DescMessage, O extends DescMessage> {
  /** Resolves when the buffer has room again; rejects when the stream is over. */
  send(message: MessageInitShape<I>): Promise<void>;
  /** No more messages from here; the server may go on. */
  end(): void;
  readonly responses: AsyncIterable<MessageShape<O>>;
  readonly opened: Promise<Metadata>;
  cancel(): void;
}

export function openServerStream(
  state: ClientState,
  route: ClientRoute,
  request: MessageInitShape<DescMessage>,
  options: CallOptions | undefined,
): ResponseStream<DescMessage> {
  const bytes = encodeRequest(state, route, request);
  const stream = new OpenStream(state, route, options, (metadata, wireOptions) =>
    state.channel.makeServerStreamRequest(
      route.path,
      asIs,
      (answer) => decode(route.output, answer),
      bytes,
      metadata,
      wireOptions,
    ),
  );
  return {
    opened: stream.opened,
    cancel: () => stream.cancel(),
    [Symbol.asyncIterator]: () => stream,
  };
}

export function openBidi(
  state: ClientState,
  route: ClientRoute,
  options: CallOptions | undefined,
): BidiStream<DescMessage, DescMessage> {
  const stream = new OpenStream<ClientDuplexStream<Buffer, MessageShape<DescMessage>>>(
    state,
    route,
    options,
    (metadata, wireOptions) =>
      state.channel.makeBidiStreamRequest(
        route.path,
        asIs,
        (answer) => decode(route.output, answer),
        metadata,
        wireOptions,
      ),
  );
  return {
    send: (message) => stream.send(message),
    end: () => stream.end(),
    responses: { [Symbol.asyncIterator]: () => stream },
    opened: stream.opened,
    cancel: () => stream.cancel(),
  };
}

type Readable = ClientReadableStream<MessageShape<DescMessage>>;
type Writable = Pick<ClientDuplexStream<Buffer, unknown>, 'write' | 'end' | 'once'>;
type Result = IteratorResult<MessageShape<DescMessage>>;
type Start<T> = (metadata: Metadata, options: ReturnType<ClientState['wireOptions']>) => T;

/** One open stream, read message by message; ending it, however it ends, ends its span once. */
class OpenStream<T extends Readable> implements AsyncIterator<MessageShape<DescMessage>> {
  readonly opened: Promise<Metadata>;
  readonly #opened = Promise.withResolvers<Metadata>();
  readonly #ready: Promise<void>;
  readonly #state: ClientState;
  readonly #route: ClientRoute;
  readonly #signals: AbortSignal[];
  readonly #span: Span;
  readonly #startedAt = performance.now();
  #call: T | undefined;
  #pending: PromiseWithResolvers<Result> | undefined;
  #over: { error: unknown } | undefined;
  #ended = false;
  #spanEnded = false;
  #isAbandoned = false;
  #waiting: PromiseWithResolvers<void>[] = [];

  constructor(state: ClientState, route: ClientRoute, options: CallOptions | undefined, start: Start<T>) {
    this.#state = state;
    this.#route = route;
    this.#signals = cancelSignals(options);
    for (const signal of this.#signals) signal.throwIfAborted();
    const wireOptions = state.wireOptions(options, 'stream');
    this.opened = this.#opened.promise;
    this.opened.catch(ignore);
    const metadata = new Metadata();
    this.#span = startClientSpan(route.telemetry, metadata);
    for (const signal of this.#signals) signal.addEventListener('abort', this.cancel, { once: true });
    const begin = context.bind(context.active(), () => {
      if (this.#isAbandoned) this.#finish(status.CANCELLED, new Cancelled());
      else this.#attach(start(metadata, wireOptions), options?.isLongLived ?? false);
    });
    let authorised: void | Promise<void>;
    try {
      authorised = state.authorise(metadata, options);
    } catch (error) {
      this.#finish(status.UNKNOWN, error);
      throw error;
    }
    if (authorised) {
      this.#ready = authorised.then(begin).catch((error: unknown) => this.#finish(status.UNKNOWN, error));
    } else {
      begin();
      this.#ready = done;
    }
  }

  next(): Promise<Result> {
    const message = this.#call?.read() as MessageShape<DescMessage> | null | undefined;
    if (message !== null && message !== undefined) return Promise.resolve({ done: false, value: message });
    if (this.#over)
      return this.#over.error === undefined ? Promise.resolve(DONE) : rejected(this.#over.error);
    this.#pending ??= Promise.withResolvers<Result>();
    return this.#pending.promise;
  }

  return(): Promise<Result> {
    this.cancel();
    return Promise.resolve(DONE);
  }

  readonly cancel = (): void => {
    this.#isAbandoned = true;
    this.#call?.cancel();
  };

  /** A rejection that nobody looks at is no unhandled one: the stream's end tells the same. */
  send(message: MessageInitShape<DescMessage>): Promise<void> {
    const written = this.#write(message);
    written.catch(ignore);
    return written;
  }

  end(): void {
    void this.#halfClose();
  }

  async #halfClose(): Promise<void> {
    await this.#ready;
    if (!this.#over) (this.#call as unknown as Writable).end();
  }

  async #write(message: MessageInitShape<DescMessage>): Promise<void> {
    const bytes = encodeRequest(this.#state, this.#route, message);
    if (!this.#call && !this.#over) await this.#ready;
    if (this.#over) throw this.#over.error ?? new Cancelled();
    const writable = this.#call as unknown as Writable;
    if (writable.write(bytes)) return;
    const waiter = Promise.withResolvers<void>();
    waiter.promise.catch(ignore);
    this.#waiting.push(waiter);
    if (this.#waiting.length === 1) writable.once('drain', () => this.#drained());
    await waiter.promise;
  }

  #attach(call: T, isLongLived: boolean): void {
    this.#call = call;
    call.on('metadata', (metadata) => {
      if (metadata.get('stream-open').length === 0) return;
      this.#opened.resolve(metadata);
      if (isLongLived) this.#endSpan(status.OK);
    });
    call.on('readable', () => this.#deliver());
    call.on('end', () => this.#readEnd());
    call.on('status', (outcome: StatusObject) => this.#finish(outcome.code));
    call.on('error', (error) =>
      this.#finish(
        isServiceError(error) ? error.code : status.UNKNOWN,
        isServiceError(error) ? fromStatus(error, this.#state.dependency) : error,
      ),
    );
  }

  #deliver(): void {
    if (!this.#pending) return;
    const message = this.#call!.read() as MessageShape<DescMessage> | null;
    if (message === null) return;
    this.#pending.resolve({ done: false, value: message });
    this.#pending = undefined;
  }

  #readEnd(): void {
    this.#ended = true;
    this.#settle();
  }

  #drained(): void {
    for (const waiter of this.#waiting.splice(0)) waiter.resolve();
  }

  /** grpc-js says a failure twice, as an error and as a status, in either order; the error knows more. */
  #finish(code: status, error?: unknown): void {
    if (code !== status.OK && error === undefined) return;
    if (this.#over) return;
    this.#over = { error };
    for (const signal of this.#signals) signal.removeEventListener('abort', this.cancel);
    this.#endSpan(code, error);
    recordCall(this.#state.metrics, this.#route.telemetry, code, this.#startedAt);
    this.#opened.reject(error ?? new Cancelled());
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error ?? new Cancelled());
    this.#settle();
  }

  #settle(): void {
    if (!this.#over || !this.#pending) return;
    const { error } = this.#over;
    if (error !== undefined) this.#pending.reject(error);
    else if (this.#ended) this.#pending.resolve(DONE);
    else return;
    this.#pending = undefined;
  }

  #endSpan(code: status, error?: unknown): void {
    if (this.#spanEnded) return;
    this.#spanEnded = true;
    endSpan('client', this.#span, code, error);
  }
}

const done = Promise.resolve();
const DONE: Result = { done: true, value: undefined };

function rejected<T>(error: unknown): Promise<T> {
  return Promise.reject<T>(error);
}

function ignore(): void {}

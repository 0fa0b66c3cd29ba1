import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { ServerCall, type Route, type ServerState } from './call.ts';
import { StreamAnswered, type DomainError } from './errors.ts';
import type { Bidi, ServerStream } from './implement.ts';
import { IncomingMessages, OutgoingMessages } from './streams.ts';
import { oneRequest } from './unary.ts';

abstract class StreamingCall extends ServerCall {
  protected readonly out: OutgoingMessages<DescMessage>;

  constructor(state: ServerState, route: Route, wire: ServerInterceptingCallInterface) {
    super(state, route, wire);
    this.out = new OutgoingMessages({
      wire,
      schema: route.method.output,
      limits: state.limits,
      clock: state.clock,
      fail: (error) => this.fail(error),
    });
  }

  protected abstract handle(): Promise<void>;

  /** The headers go out before the first message: they tell the caller that the stream is open. */
  protected open(): void {
    this.sendHeaders(true);
    this.run(serveStream);
    if (this.route.isLongLived) this.endSpanEarly();
  }

  async serve(): Promise<void> {
    await this.handle();
    // A message behind the status would keep grpc-js from ever ending the stream.
    this.out.close(new StreamAnswered());
    this.succeed();
  }

  protected override stopped(reason: DomainError): void {
    this.out.close(reason);
  }
}

function serveStream(call: StreamingCall): Promise<void> {
  return call.serve();
}

export class ServerStreamCall extends StreamingCall {
  #request: MessageShape<DescMessage> | undefined;

  protected override accepted(): void {
    this.wire.startRead();
  }

  override onReceiveMessage(message: unknown): void {
    if (message instanceof Error) this.fail(message);
    else if (this.#request) this.fail(oneRequest(this.route.path));
    else {
      this.#request = message as MessageShape<DescMessage>;
      this.wire.startRead();
    }
  }

  override onReceiveHalfClose(): void {
    if (this.ended) return;
    if (this.#request) this.open();
    else this.fail(oneRequest(this.route.path));
  }

  protected override handle(): Promise<void> {
    const handler = this.route.handler as ServerStream<DescMessage, DescMessage>;
    return handler(this.#request!, this.out, this);
  }
}

export class BidiCall extends StreamingCall {
  readonly #incoming = new IncomingMessages<MessageShape<DescMessage>>(this.wire);

  protected override accepted(): void {
    this.open();
  }

  override onReceiveMessage(message: unknown): void {
    if (message instanceof Error) this.fail(message);
    else this.#incoming.push(message as MessageShape<DescMessage>);
  }

  override onReceiveHalfClose(): void {
    this.#incoming.end();
  }

  protected override handle(): Promise<void> {
    const handler = this.route.handler as Bidi<DescMessage, DescMessage>;
    return handler(this.#incoming, this.out, this);
  }

  protected override stopped(reason: DomainError): void {
    super.stopped(reason);
    this.#incoming.close(reason);
  }
}

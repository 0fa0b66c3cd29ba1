import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { ServerCall } from './call.ts';
import { encode } from './definition.ts';
import { InvalidFields, MessageTooLarge } from './errors.ts';
import type { Unary } from './implement.ts';

export class UnaryCall extends ServerCall {
  #request: MessageShape<DescMessage> | undefined;

  protected override accepted(): void {
    this.wire.startRead();
  }

  protected override stopped(): void {}

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
    if (this.#request) this.run(answer);
    else this.fail(oneRequest(this.route.path));
  }

  get request(): MessageShape<DescMessage> {
    return this.#request!;
  }

  async answer(): Promise<void> {
    const { method, handler } = this.route;
    const response = await (handler as Unary<DescMessage, DescMessage>)(this.request, this);
    if (this.ended) return;
    const bytes = encode(method.output, response);
    const { maxMessageBytes } = this.state.limits;
    if (bytes.length > maxMessageBytes) throw new MessageTooLarge('response', maxMessageBytes, bytes.length);
    this.sendHeaders();
    this.wire.sendMessage(bytes, ignore);
    this.succeed();
  }
}

function answer(call: UnaryCall): Promise<void> {
  return call.answer();
}

export function oneRequest(path: string): InvalidFields {
  return new InvalidFields([{ field: '', description: `${path} takes exactly one request message` }]);
}

function ignore(): void {}

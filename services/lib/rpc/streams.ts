import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import type { Clock, Timer } from '#lib/lifecycle/clock.ts';
import { encode } from './definition.ts';
import { MessageTooLarge, ReaderStalled, type DomainError } from './errors.ts';
import type { Limits } from './limits.ts';

export interface OutStream<O extends DescMessage> {
  /**
   * Resolves when the buffer has room again, so awaiting it paces the handler by its reader; rejects when
   * the stream is over. Sending on and on without awaiting ends the stream at eight times the buffer.
   */
  send(message: MessageInitShape<O>): Promise<void>;
  /** False, with nothing sent, when the buffer is full or the stream is over. */
  trySend(message: MessageInitShape<O>): boolean;
  /** Messages that wait for the wire. */
  readonly buffered: number;
}

export interface Wire {
  sendMessage(message: Buffer, written: () => void): void;
  startRead(): void;
}

const UNAWAITED_FACTOR = 8;
const sent = Promise.resolve();

interface Waiter {
  resolve(): void;
  reject(error: DomainError): void;
}

type OutLimits = Pick<Limits, 'maxMessageBytes' | 'sendBufferBytes' | 'sendBufferMessages' | 'readerStallMs'>;

/** Answers on their way to the wire; grpc-js calls back for each when flow control has let it go. */
export class OutgoingMessages<O extends DescMessage> implements OutStream<O> {
  buffered = 0;
  #bufferedBytes = 0;
  #waiters: Waiter[] = [];
  #over: DomainError | undefined;
  #stall: Timer | undefined;
  readonly #wire: Wire;
  readonly #schema: O;
  readonly #limits: OutLimits;
  readonly #clock: Clock;
  readonly #fail: (error: DomainError) => void;

  constructor(options: {
    wire: Wire;
    schema: O;
    limits: OutLimits;
    clock: Clock;
    /** Ends the call; called when the reader stalls or the handler floods. */
    fail: (error: DomainError) => void;
  }) {
    this.#wire = options.wire;
    this.#schema = options.schema;
    this.#limits = options.limits;
    this.#clock = options.clock;
    this.#fail = options.fail;
  }

  send(message: MessageInitShape<O>): Promise<void> {
    if (this.#over) return rejected(this.#over);
    if (this.#isFlooded()) {
      this.#fail(new ReaderStalled(`More than ${this.buffered} messages wait for a reader that takes none.`));
      return rejected(this.#over!);
    }
    try {
      this.#write(message);
    } catch (error) {
      return rejected(error);
    }
    return this.#hasRoom() ? sent : this.#waitForRoom();
  }

  trySend(message: MessageInitShape<O>): boolean {
    if (this.#over || !this.#hasRoom()) return false;
    this.#write(message);
    return true;
  }

  /** After this nothing is sent; waiting senders are told why. */
  close(reason: DomainError): void {
    if (this.#over) return;
    this.#over = reason;
    this.#stall?.cancel();
    for (const waiter of this.#waiters.splice(0)) waiter.reject(reason);
  }

  #write(message: MessageInitShape<O>): void {
    const bytes = encode(this.#schema, message);
    const { maxMessageBytes } = this.#limits;
    if (bytes.length > maxMessageBytes) throw new MessageTooLarge('response', maxMessageBytes, bytes.length);
    this.buffered += 1;
    this.#bufferedBytes += bytes.length;
    this.#wire.sendMessage(bytes, () => this.#written(bytes.length));
  }

  #written(size: number): void {
    this.buffered -= 1;
    this.#bufferedBytes -= size;
    this.#stall?.cancel();
    this.#stall = undefined;
    if (this.#waiters.length === 0) return;
    if (this.#hasRoom()) for (const waiter of this.#waiters.splice(0)) waiter.resolve();
    else this.#watchForStall();
  }

  #waitForRoom(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(ignore);
    this.#waiters.push({ resolve, reject });
    if (!this.#stall) this.#watchForStall();
    return promise;
  }

  #watchForStall(): void {
    const { readerStallMs } = this.#limits;
    this.#stall = this.#clock.setTimer(readerStallMs, () =>
      this.#fail(new ReaderStalled(`The reader took nothing for ${readerStallMs / 1_000} s.`)),
    );
  }

  #hasRoom(): boolean {
    const { sendBufferBytes, sendBufferMessages } = this.#limits;
    return this.#bufferedBytes < sendBufferBytes && this.buffered < sendBufferMessages;
  }

  #isFlooded(): boolean {
    const { sendBufferBytes, sendBufferMessages } = this.#limits;
    return (
      this.#bufferedBytes >= sendBufferBytes * UNAWAITED_FACTOR ||
      this.buffered >= sendBufferMessages * UNAWAITED_FACTOR
    );
  }
}

/** Requests of a stream, read from the wire one by one as the handler asks for them. */
export class IncomingMessages<T> implements AsyncIterableIterator<T> {
  #pending: PromiseWithResolvers<IteratorResult<T>> | undefined;
  #ended = false;
  #error: DomainError | undefined;
  readonly #wire: Wire;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#error) return rejected(this.#error);
    if (this.#ended) return Promise.resolve(DONE);
    if (this.#pending) return rejected(new Error('the messages of a stream are read one at a time'));
    this.#pending = Promise.withResolvers<IteratorResult<T>>();
    const { promise } = this.#pending;
    this.#wire.startRead();
    return promise;
  }

  return(): Promise<IteratorResult<T>> {
    this.end();
    return Promise.resolve(DONE);
  }

  push(message: T): void {
    this.#settle()?.resolve({ done: false, value: message });
  }

  /** The caller has sent its last message. */
  end(): void {
    this.#ended = true;
    this.#settle()?.resolve(DONE);
  }

  /** The stream broke; a handler that reads, or will, is told why. */
  close(reason: DomainError): void {
    if (this.#error) return;
    this.#error = reason;
    const pending = this.#settle();
    pending?.promise.catch(ignore);
    pending?.reject(reason);
  }

  #settle(): PromiseWithResolvers<IteratorResult<T>> | undefined {
    const pending = this.#pending;
    this.#pending = undefined;
    return pending;
  }
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Rejected, and never an unhandled rejection: a handler that does not look must not end the process. */
function rejected<T>(reason: unknown): Promise<T> {
  const promise = Promise.reject<T>(reason);
  promise.catch(ignore);
  return promise;
}

function ignore(): void {}

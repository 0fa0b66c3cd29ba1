import type { Socket } from 'node:net';
import { dial, gone } from './dial.ts';
import { Api, readAnswer, readUpdates, withInitConnection } from './client.ts';
import { CallUnreadable, LinkClosed } from './link.ts';
import type { Blame, CallLimits, Link, LinkEnd, LinkOptions } from './link.ts';
import { DialAborted, DialTimeout } from './egress.ts';
import { Unframer, TRANSPORT_TAG, frame } from './mtproto/framing.ts';
import { exchangeKey } from './mtproto/key-exchange.ts';
import { authKeyOf } from './mtproto/message-cipher.ts';
import { PlainChannel } from './mtproto/plain-channel.ts';
import { MtprotoSession, type SessionStart } from './mtproto/session.ts';
import { pingDelayDisconnect } from './mtproto/service-messages.ts';

/** After so many seconds without a ping of ours the server lets go: a lost path does not keep the key in use. */
export const DISCONNECT_DELAY_S = 75;
const KEY_BYTES = 256;
const KEY_UNKNOWN = -404;

/**
 * Dials, makes a key where none is given, and returns a link that no call has been sent on yet. Rejects with
 * DialError, DialAborted, KeyExchangeFailed or LinkClosed, and then leaves no socket behind.
 */
export async function openLink(options: LinkOptions): Promise<Link> {
  const { telegram, dataCenter, egress, clock, connectTimeoutMs, signal } = options;
  const address = telegram.dataCenters.get(dataCenter);
  if (!address) throw new RangeError(`the Telegram ${telegram.id} has no data centre ${dataCenter}`);
  if (options.authKey && options.authKey.length !== KEY_BYTES)
    throw new RangeError(`a key has ${KEY_BYTES} bytes`);
  const started = clock.monotonic();
  const socket = await dial(address, egress, { clock, timeoutMs: connectTimeoutMs, signal });
  const link = new SocketLink(socket, options);
  const left = connectTimeoutMs - (clock.monotonic() - started);
  try {
    await link.start(left);
  } catch (error) {
    await link.close();
    throw error;
  }
  return link;
}

/** What takes the packets: the exchange of keys, and then the session. */
interface Receiver {
  receive(packet: Buffer): void;
  end(end: LinkEnd): void;
}

class SocketLink implements Link {
  readonly closed: Promise<LinkEnd>;
  readonly #socket: Socket;
  readonly #options: LinkOptions;
  readonly #unframer = new Unframer();
  readonly #take = (packet: Buffer): void => this.#packet(packet);
  #receiver: Receiver | undefined;
  #session: MtprotoSession | undefined;
  #authKey: Buffer;
  #end: LinkEnd | undefined;
  #listener: ((updates: Api.TypeUpdates) => void) | undefined;

  constructor(socket: Socket, options: LinkOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#authKey = options.authKey ?? Buffer.alloc(0);
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#finish({ reason: 'lost', blame: blameOf(options) });
        resolve(this.#end!);
      });
    });
    socket.on('end', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      if (!this.#end && !this.#unframer.push(chunk, this.#take)) this.#fail({ reason: 'protocol' });
    });
    socket.write(TRANSPORT_TAG);
  }

  get dataCenter(): number {
    return this.#options.dataCenter;
  }

  get authKey(): Buffer {
    return this.#authKey;
  }

  get pending(): number {
    return this.#session?.pending ?? 0;
  }

  async start(timeoutMs: number): Promise<void> {
    const { authKey, clock } = this.#options;
    const start: SessionStart = authKey
      ? { key: authKeyOf(authKey), salt: 0n, offsetMs: 0 }
      : await this.#exchange(timeoutMs);
    if (this.#end) throw new LinkClosed(this.#end, false);
    this.#authKey = start.key.bytes;
    this.#session = new MtprotoSession(
      {
        clock,
        write: (packet) => this.#write(packet),
        onObject: (body) => this.#object(body),
        onForgotten: () => this.#tell(new Api.UpdatesTooLong()),
        onProtocolFault: () => this.#fail({ reason: 'protocol' }),
      },
      start,
    );
    this.#receiver = this.#session;
    this.#socket.resume();
  }

  invoke<R extends Api.AnyRequest>(request: R, limits: CallLimits): Promise<R['__response']> {
    const { telegram, application } = this.#options;
    const session = this.#session!;
    const isFirst = !session.isInitialised;
    let body: Buffer;
    try {
      body = (isFirst ? withInitConnection(request, telegram.apiId, application) : request).getBytes();
    } catch (cause) {
      return Promise.reject(new CallUnreadable('The request can not be written.', { cause }));
    }
    return session.call(body, { isFirst, read: (answer) => readAnswer(request, answer) }, limits);
  }

  async ping(limits: CallLimits): Promise<number> {
    const { clock } = this.#options;
    const sent = clock.monotonic();
    const body = pingDelayDisconnect(BigInt(Math.floor(sent * 1_000)), DISCONNECT_DELAY_S);
    await this.#session!.call(body, { isFirst: false, read: () => undefined }, limits);
    return clock.monotonic() - sent;
  }

  onUpdates(listener: (updates: Api.TypeUpdates) => void): void {
    this.#listener = listener;
  }

  async close(): Promise<void> {
    this.#finish({ reason: 'closed' });
    await gone(this.#socket);
    await this.closed;
  }

  async #exchange(timeoutMs: number): Promise<SessionStart> {
    const { clock, telegram, dataCenter, signal } = this.#options;
    const channel = new PlainChannel(clock, (packet) => this.#write(packet));
    this.#receiver = channel;
    this.#socket.resume();
    const timer = clock.setTimer(timeoutMs, () =>
      channel.fail(new DialTimeout(blameOf(this.#options), timeoutMs)),
    );
    const onAbort = (): void => channel.fail(new DialAborted());
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const { publicKeys } = telegram;
      const made = await exchangeKey({ dataCenter, publicKeys, clock, ask: (body) => channel.ask(body) });
      return { key: authKeyOf(made.authKey), salt: made.salt, offsetMs: made.offsetMs };
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #packet(packet: Buffer): void {
    if (this.#end) return;
    // A length and nothing else than a negative number: the transport refuses.
    if (packet.length === 4) {
      const transportCode = packet.readInt32LE();
      const isUnknown = transportCode === KEY_UNKNOWN && this.#session !== undefined;
      this.#fail(isUnknown ? { reason: 'key-unknown' } : { reason: 'refused', transportCode });
    } else this.#receiver!.receive(packet);
  }

  #write(packet: Buffer): void {
    const { guard } = this.#options;
    // The process may have stood still since the call was let through; acknowledgements were never asked about.
    if (guard && guard.remainingMs() <= 0) return this.#fail({ reason: 'closed' });
    if (!this.#socket.destroyed) this.#socket.write(frame(packet));
  }

  #object(body: Buffer): void {
    let updates: Api.TypeUpdates | undefined;
    try {
      updates = readUpdates(body);
    } catch (err) {
      // Of a layer that is not ours, perhaps: what it brought is asked for in another way.
      this.#options.log.warn({
        event: 'update_unreadable',
        err: new CallUnreadable('unreadable', { cause: err }),
      });
      updates = new Api.UpdatesTooLong();
    }
    if (updates) this.#tell(updates);
  }

  #tell(updates: Api.TypeUpdates): void {
    try {
      this.#listener?.(updates);
    } catch (err) {
      this.#options.log.error({ event: 'update_listener_failed', err }, 'a listener of updates failed');
    }
  }

  #fail(end: LinkEnd): void {
    this.#finish(end);
    this.#socket.destroy();
  }

  #finish(end: LinkEnd): void {
    if (this.#end) return;
    this.#end = end;
    this.#receiver?.end(end);
    this.#listener = undefined;
  }
}

function blameOf({ egress }: LinkOptions): Blame {
  return egress.kind === 'direct' ? 'data-center' : 'proxy';
}

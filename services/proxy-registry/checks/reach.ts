import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { dial, gone } from '#lib/telegram/dial.ts';
import { DialError, DialTimeout, type Socks5Egress } from '#lib/telegram/egress.ts';
import type { Address } from '#lib/telegram/material/material.ts';
import { isPublic } from '#lib/network/address.ts';

/** Something answered through the proxy, and it was no data centre of Telegram. */
export class NotTelegram extends DialError {
  constructor() {
    super('What answers through the proxy is no data centre of Telegram.', 'proxy');
  }
}

/** The connection through the proxy ended before the data centre had answered. */
export class EndedEarly extends DialError {
  constructor() {
    super('The proxy closed the connection before the data centre answered.', 'proxy');
  }
}

export interface ReachLimits {
  readonly clock: Clock;
  readonly timeoutMs: number;
}

export interface Reached {
  readonly latencyMs: number;
  /** The public address that the proxy says it connects from; empty when it says none. */
  readonly exitAddress: string;
}

/**
 * The first step of Telegram's key exchange, through the proxy: needs no account, and nobody but a data centre
 * answers it. Rejects with a DialError. Leaves no socket behind.
 */
export async function reach(
  proxy: Socks5Egress,
  dataCenter: Address,
  { clock, timeoutMs }: ReachLimits,
): Promise<Reached> {
  const started = clock.monotonic();
  let exitAddress = '';
  const onBound = (address: string): void => {
    // Behind a router a proxy knows only its own network.
    if (isPublic(address)) exitAddress = address;
  };
  const socket = await dial(dataCenter, proxy, { clock, timeoutMs, onBound });
  const left = timeoutMs - (clock.monotonic() - started);
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = clock.setTimer(left, () => reject(new DialTimeout('data-center', timeoutMs)));
  try {
    const nonce = randomBytes(16);
    await Promise.race([answered(socket, nonce, clock.now()), late]);
    return { latencyMs: clock.monotonic() - started, exitAddress };
  } finally {
    timer.cancel();
    await gone(socket);
  }
}

const INTERMEDIATE = 0xee;
const REQ_PQ_MULTI = 0xbe7e8ef1;
const RES_PQ = 0x05162463;
/** Key id, message id and length stand before the body. */
const HEAD_BYTES = 20;
/** The answer has under 100 bytes; what claims more is not Telegram. */
const MOST_BYTES = 1_024;

async function answered(socket: Socket, nonce: Buffer, nowMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let received = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (received.length < 4) return;
    const length = received.readUInt32LE(0);
    if (length > MOST_BYTES || received.length > 4 + MOST_BYTES) return reject(new NotTelegram());
    if (received.length < 4 + length) return;
    if (isAnswer(received.subarray(4, 4 + length), nonce)) resolve();
    else reject(new NotTelegram());
  });
  socket.once('close', () => reject(new EndedEarly()));
  socket.resume();
  socket.write(question(nonce, nowMs));
  return promise;
}

function question(nonce: Buffer, nowMs: number): Buffer {
  const body = Buffer.concat([Buffer.alloc(4), nonce]);
  body.writeUInt32LE(REQ_PQ_MULTI, 0);
  const head = Buffer.alloc(8 + HEAD_BYTES);
  head.fill(INTERMEDIATE, 0, 4);
  head.writeUInt32LE(HEAD_BYTES + body.length, 4);
  // A message's id is the time in units of 2^-32 s, and a client's is divisible by 4.
  head.writeBigInt64LE(BigInt(Math.floor(nowMs / 1_000)) << 32n, 16);
  head.writeUInt32LE(body.length, 24);
  return Buffer.concat([head, body]);
}

function isAnswer(message: Buffer, nonce: Buffer): boolean {
  return (
    message.length >= HEAD_BYTES + 20 &&
    message.readBigUInt64LE(0) === 0n &&
    message.readUInt32LE(HEAD_BYTES) === RES_PQ &&
    message.subarray(HEAD_BYTES + 4, HEAD_BYTES + 20).equals(nonce)
  );
}

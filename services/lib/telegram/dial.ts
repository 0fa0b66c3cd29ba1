import { Socket } from 'node:net';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { count } from './census.ts';
import { DialAborted, DialRefused, DialTimeout, type Egress } from './egress.ts';
import type { Blame } from './link.ts';
import type { Address } from './material/material.ts';
import { askForConnection } from './socks5.ts';

/** The first probe of the system's own keep-alive; it finds paths that are gone while no call runs. */
const KEEP_ALIVE_MS = 30_000;

export interface DialLimits {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Hears the IP address that a proxy says it connects from; empty when it names none. */
  onBound?(address: string): void;
}

/**
 * A connected socket, paused and with an error listener, counted until its close event. Rejects with
 * DialError or DialAborted, and then leaves no socket behind.
 */
export async function dial(address: Address, egress: Egress, limits: DialLimits): Promise<Socket> {
  const { clock, timeoutMs, signal } = limits;
  if (signal?.aborted) throw new DialAborted();
  const socket = new Socket();
  count(socket);
  // An error comes with a close event, and that one is listened for.
  socket.on('error', () => undefined);
  const first: Blame = egress.kind === 'direct' ? 'data-center' : 'proxy';
  const { promise: failed, reject } = Promise.withResolvers<never>();
  const timer = clock.setTimer(timeoutMs, () => reject(new DialTimeout(first, timeoutMs)));
  const onAbort = (): void => reject(new DialAborted());
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([connected(socket, egress.kind === 'direct' ? address : egress, first), failed]);
    socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
    if (egress.kind === 'socks5') {
      const bound = await Promise.race([askForConnection(socket, egress, address), failed]);
      limits.onBound?.(bound);
    }
    return socket;
  } catch (error) {
    await gone(socket);
    throw error;
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', onAbort);
  }
}

function connected(socket: Socket, { host, port }: Address, blame: Blame): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(new DialRefused(blame, error.code));
    socket.once('error', onError);
    socket.connect({ host, port, autoSelectFamily: true }, () => {
      socket.off('error', onError);
      resolve();
    });
  });
}

/** Resolves at the close event of the socket, which it brings about. */
export function gone(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) return resolve();
    socket.once('close', () => resolve());
    socket.destroy();
  });
}

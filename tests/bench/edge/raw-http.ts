import { connect, type Socket } from 'node:net';

/**
 * One connection of HTTP/1.1 that asks and answers in turn. It reads only what it must, so that on a machine of
 * few cores the measuring takes little of what is measured.
 */
export interface RawConnection {
  ask(request: Buffer): Promise<RawAnswer>;
  close(): void;
}

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: Buffer;
}

const HEAD_END = Buffer.from('\r\n\r\n');

export async function openRaw(port: number): Promise<RawConnection> {
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  let pending: PromiseWithResolvers<RawAnswer> | undefined;
  let received: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const headEnd = received.indexOf(HEAD_END);
    if (headEnd === -1) return;
    const head = received.toString('latin1', 0, headEnd);
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    const end = headEnd + HEAD_END.length + length;
    if (received.length < end) return;
    const body = received.subarray(headEnd + HEAD_END.length, end);
    received = received.subarray(end);
    const { resolve } = pending!;
    pending = undefined;
    resolve({ status: Number(head.slice(9, 12)), head, body });
  });
  const fail = (error?: Error): void => pending?.reject(error ?? new Error('the connection was closed'));
  socket.on('error', fail).on('close', () => fail());
  return {
    ask(request) {
      pending = Promise.withResolvers<RawAnswer>();
      socket.write(request);
      return pending.promise;
    },
    close: () => void socket.destroy(),
  };
}

export function rawRequest(
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: string,
): Buffer {
  const all = {
    host: 'bench',
    ...headers,
    ...(body === undefined ? {} : { 'content-length': String(body.length) }),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body ?? ''}`, 'latin1');
}

import { isIP, type Socket } from 'node:net';
import { DialRefused, ProxyRefused, type DialError, type Socks5Egress } from './egress.ts';
import type { Address } from './material/material.ts';

/* The client's half of RFC 1928 and RFC 1929: CONNECT, with a user name and password where there are any. */

const VERSION = 5;
const NO_AUTHENTICATION = 0;
const USER_AND_PASSWORD = 2;
const NONE_ACCEPTABLE = 0xff;
const CONNECT = 1;
const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;

/** Replies that tell of what lies behind the proxy. */
const BEHIND_THE_PROXY: Record<number, string> = {
  3: 'ENETUNREACH',
  4: 'EHOSTUNREACH',
  5: 'ECONNREFUSED',
  6: 'ETIMEDOUT',
};
const NOT_ALLOWED = 2;

/**
 * Asks the proxy at the other end of the socket to connect on; answers the IP address that the proxy says it
 * connects from, which is often 0.0.0.0 or one of its own network. Rejects with DialError.
 */
export async function askForConnection(socket: Socket, proxy: Socks5Egress, to: Address): Promise<string> {
  const answers = readerOf(socket);
  try {
    const hasCredentials = proxy.username !== undefined || proxy.password !== undefined;
    const methods = hasCredentials ? [NO_AUTHENTICATION, USER_AND_PASSWORD] : [NO_AUTHENTICATION];
    socket.write(Buffer.of(VERSION, methods.length, ...methods));
    const [version, method] = await answers.read(2);
    if (version !== VERSION) throw new ProxyRefused('not-socks5');
    if (method === NONE_ACCEPTABLE)
      throw new ProxyRefused(hasCredentials ? 'credentials' : 'authentication-required');
    if (method === USER_AND_PASSWORD && hasCredentials) {
      socket.write(credentials(proxy));
      if ((await answers.read(2))[1] !== 0) throw new ProxyRefused('credentials');
    } else if (method !== NO_AUTHENTICATION) throw new ProxyRefused('not-socks5');
    socket.write(Buffer.concat([Buffer.of(VERSION, CONNECT, 0), destination(to)]));
    const head = await answers.read(4);
    if (head[0] !== VERSION) throw new ProxyRefused('not-socks5');
    if (head[1] !== 0) throw refusal(head[1]!);
    const bound = await answers.read((await addressLength(head[3]!, answers)) + 2);
    return addressText(head[3]!, bound.subarray(0, -2));
  } finally {
    answers.stop();
  }
}

function refusal(reply: number): DialError {
  if (BEHIND_THE_PROXY[reply]) return new DialRefused('data-center', BEHIND_THE_PROXY[reply]);
  return new ProxyRefused(reply === NOT_ALLOWED ? 'not-allowed' : 'failed');
}

function credentials({ username = '', password = '' }: Socks5Egress): Buffer {
  const [user, secret] = [Buffer.from(username), Buffer.from(password)];
  // The protocol has a byte for each length.
  if (user.length > 255 || secret.length > 255) throw new ProxyRefused('credentials');
  return Buffer.concat([Buffer.of(1, user.length), user, Buffer.of(secret.length), secret]);
}

function destination({ host, port }: Address): Buffer {
  const out = Buffer.alloc(2);
  out.writeUInt16BE(port);
  switch (isIP(host)) {
    case 4:
      return Buffer.concat([Buffer.of(IPV4, ...host.split('.').map(Number)), out]);
    case 6:
      return Buffer.concat([Buffer.of(IPV6), ipv6Bytes(host), out]);
    default:
      return Buffer.concat([Buffer.of(NAME, Buffer.byteLength(host)), Buffer.from(host), out]);
  }
}

function ipv6Bytes(host: string): Buffer {
  // URL writes an address out in one way; an embedded IPv4 becomes two groups.
  const [head = '', tail = ''] = new URL(`http://[${host}]`).hostname.slice(1, -1).split('::');
  const [left, right] = [ipv6Groups(head), ipv6Groups(tail)];
  const all = [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 255]));
}

function ipv6Groups(text: string): number[] {
  return text
    .split(':')
    .filter(Boolean)
    .map((group) => parseInt(group, 16));
}

async function addressLength(type: number, answers: Answers): Promise<number> {
  if (type === IPV4) return 4;
  if (type === IPV6) return 16;
  if (type === NAME) return (await answers.read(1))[0]!;
  throw new ProxyRefused('not-socks5');
}

function addressText(type: number, bytes: Buffer): string {
  if (type === IPV4) return bytes.join('.');
  if (type !== IPV6) return '';
  const groups = bytes.toString('hex').match(/.{4}/g) ?? [];
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

interface Answers {
  read(length: number): Promise<Buffer>;
  stop(): void;
}

function readerOf(socket: Socket): Answers {
  let have: Buffer = Buffer.alloc(0);
  let wanted:
    | { length: number; resolve: (bytes: Buffer) => void; reject: (error: Error) => void }
    | undefined;
  let end: DialError | undefined;
  const serve = (): void => {
    if (!wanted) return;
    if (have.length >= wanted.length) {
      const { length, resolve } = wanted;
      wanted = undefined;
      const bytes = have.subarray(0, length);
      have = have.subarray(length);
      resolve(bytes);
    } else if (end) wanted.reject(end);
  };
  const onData = (chunk: Buffer): void => {
    have = Buffer.concat([have, chunk]);
    serve();
  };
  const onEnd = (): void => {
    end ??= new DialRefused('proxy', 'ECONNRESET');
    serve();
  };
  socket.on('data', onData).on('end', onEnd).on('close', onEnd);
  return {
    read: (length) =>
      new Promise((resolve, reject) => {
        wanted = { length, resolve, reject };
        serve();
      }),
    stop() {
      socket.off('data', onData).off('end', onEnd).off('close', onEnd);
      socket.pause();
      if (have.length > 0 && !socket.destroyed) socket.unshift(have);
    },
  };
}

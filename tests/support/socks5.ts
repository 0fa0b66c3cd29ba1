import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/* A SOCKS5 proxy of a test: asks for a password when told to, misbehaves when told to, and remembers who came. */

export type Socks5Fault =
  | 'hang-after-connect' // accepts, and never says a word
  | 'hang-before-reply' // takes the destination, and never answers
  | 'refuse' // answers "not allowed by ruleset"
  | 'unreachable' // answers "host unreachable"
  | 'reset' // closes at once
  | 'garbage' // answers what is no SOCKS
  | 'black-hole'; // connects, and passes nothing on

export interface Socks5Visit {
  readonly username: string | undefined;
  /** `host:port` asked for. */
  readonly destination: string;
  readonly outcome: 'connected' | 'refused';
}

export interface Socks5Server {
  readonly host: string;
  readonly port: number;
  fault: Socks5Fault | undefined;
  readonly visits: readonly Socks5Visit[];
  /** Connections of clients that are open. */
  readonly open: number;
  /** Cuts every connection that is open, in the middle of whatever it carries. */
  cut(): void;
  close(): Promise<void>;
}

export async function startSocks5(
  options: { username?: string; password?: string; boundAddress?: string; listenHost?: string } = {},
): Promise<Socks5Server> {
  const visits: Socks5Visit[] = [];
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    client.on('close', () => clients.delete(client));
    client.on('error', () => undefined);
    serve(client, made, options, visits);
  });
  await new Promise<void>((resolve) => server.listen(0, options.listenHost ?? '127.0.0.1', resolve));
  const made: Socks5Server = {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    fault: undefined,
    visits,
    get open() {
      return clients.size;
    },
    cut() {
      for (const client of clients) client.resetAndDestroy();
    },
    async close() {
      for (const client of clients) client.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return made;
}

function serve(
  client: Socket,
  server: Socks5Server,
  expected: { username?: string; password?: string; boundAddress?: string },
  visits: Socks5Visit[],
): void {
  let username: string | undefined;
  let stage: 'methods' | 'password' | 'destination' = 'methods';
  if (server.fault === 'reset') return void client.resetAndDestroy();
  const take = (chunk: Buffer): void => {
    if (server.fault === 'hang-after-connect') return;
    if (server.fault === 'garbage') return void client.write('HTTP/1.1 400 Bad Request\r\n\r\n');
    if (stage === 'methods') {
      const wantsPassword = expected.username !== undefined;
      const offered = chunk.subarray(2, 2 + chunk[1]!);
      const method = wantsPassword ? (offered.includes(2) ? 2 : 0xff) : 0;
      client.write(Buffer.of(5, method));
      stage = wantsPassword ? 'password' : 'destination';
    } else if (stage === 'password') {
      const length = chunk[1]!;
      username = chunk.subarray(2, 2 + length).toString();
      const password = chunk.subarray(3 + length, 3 + length + chunk[2 + length]!).toString();
      const fits = username === expected.username && password === expected.password;
      client.write(Buffer.of(1, fits ? 0 : 1));
      if (!fits) client.end();
      stage = 'destination';
    } else {
      client.off('data', take);
      const { host, port } = readDestination(chunk);
      const visit = { username, destination: `${host}:${port}` };
      const bound = (expected.boundAddress ?? '0.0.0.0').split('.').map(Number);
      const reply = (code: number): boolean => client.write(Buffer.of(5, code, 0, 1, ...bound, 0, 0));
      const refuse = (code: number): void => {
        visits.push({ ...visit, outcome: 'refused' });
        reply(code);
        client.end();
      };
      if (server.fault === 'hang-before-reply') return;
      if (server.fault === 'refuse') return refuse(2);
      if (server.fault === 'unreachable') return refuse(4);
      visits.push({ ...visit, outcome: 'connected' });
      if (server.fault === 'black-hole') {
        client.on('data', () => undefined);
        reply(0);
        return;
      }
      const upstream = connect(port, host, () => {
        reply(0);
        client.pipe(upstream).pipe(client);
      });
      upstream.on('error', () => client.destroy());
      upstream.on('close', () => client.destroy());
      client.on('close', () => upstream.destroy());
    }
  };
  client.on('data', take);
}

function readDestination(request: Buffer): { host: string; port: number } {
  const [, , , type, length] = request as unknown as number[];
  const [start, end] = type === 1 ? [4, 8] : type === 4 ? [4, 20] : [5, 5 + length!];
  const address = request.subarray(start, end);
  const host =
    type === 1
      ? address.join('.')
      : type === 4
        ? (address.toString('hex').match(/.{4}/g) ?? []).join(':')
        : address.toString();
  return { host, port: request.readUInt16BE(end) };
}

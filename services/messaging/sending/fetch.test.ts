import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { FETCH_RULES, fetchFile, type FetchRules } from './fetch.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const rules: FetchRules = {
  ...FETCH_RULES,
  privateAddresses: 'loopback',
  mostBytes: 1_000,
  timeoutMs: 2_000,
};

function fetched(url: string, changes: Partial<FetchRules> = {}) {
  return fetchFile(new URL(url), { ...rules, ...changes }, new AbortController().signal);
}

test('a file by its address, with its name and type', async () => {
  const base = await serve((_, answer) => {
    answer.setHeader('content-type', 'image/png; charset=x').end('bytes');
  });
  const file = await fetched(`${base}/a/p%C3%A9.png?x=1`);
  expect({ ...file, bytes: Buffer.from(file.bytes).toString() }).toEqual({
    bytes: 'bytes',
    name: 'pé.png',
    mimeType: 'image/png',
  });
});

test.each([
  'http://127.0.0.1/',
  'http://[::1]/',
  'http://[::ffff:10.0.0.1]/',
  'http://169.254.169.254/latest/meta-data',
  'http://10.1.2.3/',
  'http://2130706433/',
  'http://0/',
])('%s is refused before anything is dialled', async (url) => {
  await expect(fetched(url, { privateAddresses: 'none' })).rejects.toThrow(/attachment\.url: has/);
});

test('a name is refused for any of its addresses, and dialled at the one that was judged', async () => {
  const lookUp = (...addresses: string[]) => ({ lookUp: () => Promise.resolve(addresses) });
  await expect(fetched('http://x.example/', lookUp('93.184.216.34', '10.0.0.1'))).rejects.toThrow('private');
  await expect(fetched('http://x.example/', lookUp())).rejects.toThrow('does not resolve');
  const base = await serve((request, answer) => answer.end(request.headers.host));
  const port = new URL(base).port;
  const { bytes } = await fetched(`http://x.example:${port}/`, lookUp('127.0.0.1'));
  expect(Buffer.from(bytes).toString()).toBe(`x.example:${port}`);
});

test('redirects are followed so far, and judged each', async () => {
  const to =
    (place: string): RequestListener =>
    (_, answer) =>
      answer.writeHead(302, { location: place }).end();
  const file = await serve((_, answer) => answer.end('there'));
  expect(Buffer.from((await fetched(await serve(to(file)))).bytes).toString()).toBe('there');
  await expect(fetched(await serve(to('http://169.254.169.254/')))).rejects.toThrow('private');
  await expect(fetched(await serve(to('file:///etc/passwd')))).rejects.toThrow('no http');
  await expect(fetched(await serve(to('/again')))).rejects.toThrow('more than 5 times');
});

test.each<[string, RequestListener, RegExp]>([
  [
    'too large, as it says',
    (_, answer) => answer.writeHead(200, { 'content-length': '1001' }).end('x'),
    /larger/,
  ],
  ['too large, and says nothing', (_, answer) => void answer.write('x'.repeat(2_000)), /larger/],
  ['empty', (_, answer) => answer.end(), /no bytes/],
  ['not there', (_, answer) => answer.writeHead(404).end('x'), /404/],
  ['silent', () => undefined, /not fetched within 0\.2 s/],
  ['endless', (_, answer) => void answer.write('x'), /not fetched within 0\.2 s/],
  ['torn off', (_, answer) => void answer.destroy(), /connection failed/],
])('%s', async (_, answer, message) => {
  await expect(fetched(await serve(answer), { timeoutMs: 200 })).rejects.toThrow(message);
});

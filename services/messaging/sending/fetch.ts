import { lookup } from 'node:dns/promises';
import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import { InvalidFields } from '#lib/rpc/errors.ts';
import { addressFault, readHost, type PrivateAddresses } from '#lib/network/address.ts';

export interface Fetched {
  readonly bytes: Uint8Array;
  /** Empty where the address has none. */
  readonly name: string;
  readonly mimeType: string;
}

export interface FetchRules {
  readonly privateAddresses: PrivateAddresses;
  readonly mostBytes: number;
  readonly timeoutMs: number;
  /** All addresses of a host name. */
  readonly lookUp: (name: string) => Promise<readonly string[]>;
}

export const FETCH_RULES: FetchRules = {
  privateAddresses: 'none',
  mostBytes: 20 * 1024 * 1024,
  timeoutMs: 20_000,
  lookUp: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
};

const MOST_REDIRECTS = 5;

function refused(description: string): InvalidFields {
  return new InvalidFields([{ field: 'attachment.url', description }]);
}

/** Fetches a file; every address on the way, redirects included, must be one that a tenant may have dialled. */
export async function fetchFile(url: URL, rules: FetchRules, caller: AbortSignal): Promise<Fetched> {
  const timeout = AbortSignal.timeout(rules.timeoutMs);
  const signal = AbortSignal.any([caller, timeout]);
  let next = url;
  try {
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
      const answer = await ask(next, await dialled(next, rules), signal);
      const status = answer.statusCode ?? 0;
      const { location } = answer.headers;
      if (status >= 300 && status < 400 && location !== undefined) {
        answer.destroy();
        next = redirected(next, location);
        continue;
      }
      if (status !== 200) {
        answer.destroy();
        throw refused(`answered with ${status}; send the address of a file that can be fetched`);
      }
      return await read(answer, next, rules);
    }
  } catch (error) {
    if (error instanceof InvalidFields) throw error;
    caller.throwIfAborted();
    if (timeout.aborted)
      throw refused(`was not fetched within ${rules.timeoutMs / 1_000} s; send the bytes as content`);
    throw refused('can not be fetched: the connection failed; check the address');
  }
  throw refused(`redirects more than ${MOST_REDIRECTS} times; send the address of the file itself`);
}

function redirected(from: URL, location: string): URL {
  const to = URL.parse(location, from);
  if (!to || !/^https?:$/.test(to.protocol)) throw refused('redirects to what is no http or https address');
  if (from.protocol === 'https:' && to.protocol === 'http:')
    throw refused('redirects from https to http; send the address of the file itself');
  to.username = to.password = '';
  return to;
}

/** The address that is dialled: looked up once, so that it can not be another one after it was judged. */
async function dialled(url: URL, { lookUp, privateAddresses }: FetchRules): Promise<string> {
  const host = readHost(url.hostname);
  if (host.kind === 'fault') throw refused(`has a host that ${host.fault}`);
  const addresses = host.kind === 'address' ? [host.host] : await lookUp(host.host).catch(() => []);
  const [first] = addresses;
  if (first === undefined) throw refused('has a host name that does not resolve; correct it');
  for (const address of addresses) {
    const fault = addressFault(address, privateAddresses);
    if (fault !== undefined) throw refused(`has an address that ${fault}`);
  }
  return first;
}

function ask(url: URL, address: string, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  const family = isIP(address);
  const asked = request(url, {
    signal,
    agent: false,
    headers: { 'user-agent': 'TeleGate', accept: '*/*', 'accept-encoding': 'identity' },
    // Asked for every address or for one, it is this one.
    lookup: (_name, options, done) => {
      if (options.all) done(null, [{ address, family }]);
      else done(null, address, family);
    },
  });
  asked.once('response', resolve);
  asked.once('error', reject);
  asked.end();
  return promise;
}

async function read(answer: IncomingMessage, url: URL, { mostBytes }: FetchRules): Promise<Fetched> {
  const tooLarge = (): InvalidFields =>
    refused(`is larger than ${Math.floor(mostBytes / 1024 / 1024)} MiB; send a smaller file`);
  try {
    if (Number(answer.headers['content-length'] ?? 0) > mostBytes) throw tooLarge();
    const pieces: Buffer[] = [];
    let size = 0;
    for await (const piece of answer as AsyncIterable<Buffer>) {
      size += piece.length;
      if (size > mostBytes) throw tooLarge();
      pieces.push(piece);
    }
    if (size === 0) throw refused('has no bytes; send the address of a file');
    const mimeType = /^[^;\s]{1,127}/.exec(answer.headers['content-type'] ?? '')?.[0] ?? '';
    return { bytes: Buffer.concat(pieces), name: nameIn(url), mimeType: mimeType.toLowerCase() };
  } finally {
    answer.destroy();
  }
}

function nameIn({ pathname }: URL): string {
  const last = pathname.slice(pathname.lastIndexOf('/') + 1);
  try {
    return decodeURIComponent(last)
      .replaceAll(/[/\\\p{Cc}]/gu, '_')
      .slice(0, 255);
  } catch {
    return last.slice(0, 255);
  }
}

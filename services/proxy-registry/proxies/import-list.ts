import { readHost, type Host } from '#lib/network/address.ts';

/** A line of a list as it was understood. */
export interface ListedProxy {
  /** From 1. */
  readonly line: number;
  readonly host: Exclude<Host, { kind: 'fault' }>;
  readonly port: number;
  readonly username: string;
  readonly password: string;
}

/** A line that was not, with a reason that never repeats its text: that may hold a password. */
export interface LineFault {
  readonly line: number;
  readonly reason: string;
}

const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i;
const PLAIN = /^(\[[^\]]*\]|[^:\s]+):(\d{1,6})(?::([^:]*):(.*))?$/;
const CREDENTIAL_BYTES = 255;

export function readList(text: string): { proxies: ListedProxy[]; faults: LineFault[] } {
  const proxies: ListedProxy[] = [];
  const faults: LineFault[] = [];
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const read = readLine(line);
    if (typeof read === 'string') faults.push({ line: index + 1, reason: read });
    else proxies.push({ line: index + 1, ...read });
  }
  return { proxies, faults };
}

type Parts = { host: string; port: string; username: string; password: string };

/** The proxy, or why it is none. */
export function readLine(line: string): Omit<ListedProxy, 'line'> | string {
  const parts = SCHEME.test(line) ? readUrl(line) : readPlain(line);
  if (typeof parts === 'string') return parts;
  const port = Number(parts.port);
  if (!/^\d{1,5}$/.test(parts.port) || port < 1 || port > 65_535) return 'has no port from 1 to 65,535';
  const fault = credentialFault('user name', parts.username) ?? credentialFault('password', parts.password);
  if (fault !== undefined) return fault;
  if (parts.username === '' && parts.password !== '') return 'has a password and no user name';
  const host = readHost(parts.host);
  if (host.kind === 'fault') return `has a host that ${host.fault}`;
  return { host, port, username: parts.username, password: parts.password };
}

/** SOCKS5 has one byte for the length of each. */
export function credentialFault(what: string, value: string): string | undefined {
  if (Buffer.byteLength(value) > CREDENTIAL_BYTES) return `has a ${what} of over ${CREDENTIAL_BYTES} bytes`;
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(value)) return `has a control character in its ${what}`;
  if (!value.isWellFormed()) return `has a ${what} that is not valid Unicode`;
  return undefined;
}

function readPlain(line: string): Parts | string {
  const match = PLAIN.exec(line);
  if (match) {
    const [, host = '', port = '', username = '', password = ''] = match;
    return { host, port, username, password };
  }
  if (/^[0-9a-f:.]+$/i.test(line) && line.split(':').length > 3)
    return 'looks like an IPv6 address; put it in brackets, with a port behind: [2001:db8::1]:1080';
  return 'is neither host:port nor host:port:user:password nor a socks5:// URL';
}

function readUrl(line: string): Parts | string {
  const scheme = SCHEME.exec(line)![1]!.toLowerCase();
  if (scheme !== 'socks5' && scheme !== 'socks5h') return 'is not a SOCKS5 proxy; only socks5:// is taken';
  const url = URL.parse(line);
  if (!url || url.hostname === '') return 'is no URL like socks5://user:password@host:1080';
  if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '')
    return 'has more behind the port than a proxy has; encode / ? # in a password as %2F %3F %23';
  try {
    return {
      host: decodeURIComponent(url.hostname),
      port: url.port,
      username: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
    };
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return 'has a % that encodes nothing; write %25 for a % in a user name or password';
  }
}

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { findFreePort } from '#lib/lifecycle/free-port.ts';
import { errorCode, StartFailure } from './failure.ts';

export interface WantedPort {
  /** What it is for, as `session-pool gRPC`. */
  use: string;
  /** The variable that changes it. */
  variable: string;
  /** 0: any. */
  port: number;
}

/** Finds free ports where 0 is wanted and fails for one that is taken. In the order given. */
export async function reservePorts(host: string, wanted: readonly WantedPort[]): Promise<number[]> {
  refuseDuplicates(wanted);
  const held = await Promise.allSettled(wanted.map((one) => hold(host, one)));
  const ports = held.map((one) => (one.status === 'fulfilled' ? one.value.port : 0));
  await Promise.all(held.flatMap((one) => (one.status === 'fulfilled' ? [one.value.release()] : [])));
  const failures = held.flatMap((one) =>
    one.status === 'rejected' ? [(one.reason as StartFailure).message] : [],
  );
  if (failures.length > 0) throw new StartFailure(failures.join('\n'));
  return ports;
}

function refuseDuplicates(wanted: readonly WantedPort[]): void {
  const byPort = new Map<number, WantedPort>();
  for (const one of wanted) {
    const other = byPort.get(one.port);
    if (other && one.port !== 0)
      throw new StartFailure(
        `${other.variable} and ${one.variable} are both ${one.port}. Give each a port of its own.`,
      );
    byPort.set(one.port, one);
  }
}

async function hold(host: string, wanted: WantedPort): Promise<{ port: number; release(): Promise<void> }> {
  const port = wanted.port === 0 ? await findFreePort() : wanted.port;
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(portFailure(host, wanted, error)));
    server.listen({ host, port, exclusive: true }, () =>
      resolve({
        port: (server.address() as AddressInfo).port,
        release: () => new Promise((released) => server.close(() => released())),
      }),
    );
  });
}

function portFailure(host: string, { use, variable, port }: WantedPort, error: Error): StartFailure {
  switch (errorCode(error)) {
    case 'EADDRINUSE':
      return new StartFailure(
        `Port ${port} (${use}) is taken by ${ownerOf(port) ?? 'another program'}. ` +
          `Stop that, or set ${variable} to another port (0 takes a free one); npm start -- --ephemeral takes free ports for everything.`,
      );
    case 'EACCES':
      return new StartFailure(
        `Port ${port} (${use}) needs more rights than this user has. Set ${variable} to a port above 1023.`,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new StartFailure(`This machine has no address ${host}. Set LISTEN_HOST to one that it has.`);
    default:
      return new StartFailure(
        `Port ${port} (${use}) cannot be listened on: ${error.message}. Set ${variable} or LISTEN_HOST.`,
      );
  }
}

/** Who listens on a port, as `process 123 (node)`, where the system tells. */
export function ownerOf(port: number): string | undefined {
  try {
    const pid = process.platform === 'linux' ? linuxOwner(port) : lsofOwner(port);
    return pid === undefined ? undefined : `process ${pid}${programOf(pid)}`;
  } catch {
    return undefined;
  }
}

function linuxOwner(port: number): number | undefined {
  const inodes = new Set(
    ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listeningInodes(table, port)),
  );
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (socketsOf(pid).some((inode) => inodes.has(inode))) return Number(pid);
  }
  return undefined;
}

const LISTENING = '0A';

function listeningInodes(table: string, port: number): string[] {
  try {
    return readFileSync(table, 'latin1')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(
        (columns) =>
          columns[3] === LISTENING && Number.parseInt(columns[1]?.split(':')[1] ?? '', 16) === port,
      )
      .flatMap((columns) => columns[9] ?? []);
  } catch {
    return [];
  }
}

function socketsOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap(
      (fd) => /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [],
    );
  } catch {
    return [];
  }
}

function lsofOwner(port: number): number | undefined {
  const pid = Number(
    execFileSync('lsof', ['-nP', '-t', `-iTCP:${port}`, '-sTCP:LISTEN'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).split('\n')[0],
  );
  return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
}

function programOf(pid: number): string {
  if (process.platform !== 'linux') return '';
  const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    .split('\0')
    .filter((part) => part !== '')
    .join(' ');
  return line === '' ? '' : `: ${line.length > 80 ? `${line.slice(0, 80)}…` : line}`;
}

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { expired, pause, within } from '#lib/lifecycle/clock.ts';
import { isDiskFull, messageOf, StartFailure } from './failure.ts';
import { writePrivateFile } from './home.ts';
import { eachLine } from './log-lines.ts';
import { endChild } from './processes.ts';

/** The first nats-server on PATH. */
export function findNatsServer(env: NodeJS.ProcessEnv): string | undefined {
  const name = process.platform === 'win32' ? 'nats-server.exe' : 'nats-server';
  return (env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export interface NatsServer {
  /** With the password: for this machine's processes only. */
  url: string;
  stop(): Promise<void>;
}

export interface NatsOptions {
  program: string;
  folder: string;
  clock: Clock;
  startLimitMs: number;
  say: (text: string) => void;
  onStart: (pid: number) => void;
}

const RESTART_MS = 1_000;
const STOP_LIMIT_MS = 10_000;
const LINES_KEPT = 8;

/** JetStream on this machine's loopback; after a crash it is started again on the same port. */
export async function startNatsServer(options: NatsOptions): Promise<NatsServer> {
  const { clock, say } = options;
  const password = randomBytes(18).toString('base64url');
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  const stopping = new AbortController();
  let server = await launch(options, password, -1);
  const port = server.port;

  const keepRunning = async (): Promise<void> => {
    await server.ended;
    while (!stopping.signal.aborted) {
      say(`nats-server ended: ${server.lastWords()} It is started again in ${RESTART_MS / 1_000} s.`);
      await pause(clock, RESTART_MS, stopping.signal);
      if (stopping.signal.aborted) return;
      try {
        server = await launch(options, password, port);
        say('nats-server runs again.');
      } catch (error) {
        say(messageOf(error));
      }
      await server.ended;
    }
  };
  const kept = keepRunning();

  return {
    url: `nats://telegate:${password}@127.0.0.1:${port}`,
    async stop() {
      stopping.abort();
      await endChild(server.child, STOP_LIMIT_MS, 'nats-server', options);
      await kept;
    },
  };
}

interface Launched {
  child: ReturnType<typeof spawn>;
  port: number;
  ended: Promise<void>;
  lastWords(): string;
}

async function launch(options: NatsOptions, password: string, port: number): Promise<Launched> {
  const configFile = join(options.folder, 'nats.conf');
  writePrivateFile(configFile, configuration(options.folder, password, port));
  const child = spawn(options.program, ['--config', configFile], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  if (child.pid !== undefined) options.onStart(child.pid);
  const lines: string[] = [];
  const listening = Promise.withResolvers<number>();
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      lines.push(error.message);
      resolve();
    });
    child.once('close', () => resolve());
  });
  let actualPort = port;
  const onLine = (line: string): void => {
    lines.push(line);
    if (lines.length > LINES_KEPT) lines.shift();
    const found = /Listening for client connections on .*:(\d+)$/.exec(line)?.[1];
    if (found !== undefined) actualPort = Number(found);
    if (line.includes('Server is ready')) listening.resolve(actualPort);
  };
  eachLine(child.stdout, onLine);
  eachLine(child.stderr, onLine);
  const lastWords = (): string => `\n${lines.map((line) => `  ${line}`).join('\n')}\n`;

  const outcome = await within(
    options.clock,
    options.startLimitMs,
    Promise.race([listening.promise, ended.then(() => 'ended' as const)]),
  );
  if (outcome === expired || outcome === 'ended') {
    await endChild(child, STOP_LIMIT_MS, 'nats-server', options);
    throw natsFailure(options, lastWords(), outcome === expired);
  }
  return { child, port: outcome, ended, lastWords };
}

function natsFailure(options: NatsOptions, words: string, late: boolean): StartFailure {
  const advice = isDiskFull(new Error(words))
    ? `The disk that holds ${options.folder} is full: free some space.`
    : 'If its data is damaged: npm start -- --fresh. To do without it: npm start -- --no-nats, or set NATS_URL to another server.';
  return new StartFailure(
    `${options.program} ${late ? `was not ready within ${options.startLimitMs / 1_000} s` : 'did not start'}. It said:${words}${advice}`,
  );
}

/** `sync_interval: always`: an acknowledged event survives the loss of power. */
function configuration(folder: string, password: string, port: number): string {
  return [
    `listen: "127.0.0.1:${port}"`,
    'server_name: "telegate-local"',
    'authorization {',
    '  user: telegate',
    `  password: ${JSON.stringify(password)}`,
    '}',
    'jetstream {',
    `  store_dir: ${JSON.stringify(folder)}`,
    '  sync_interval: always',
    '}',
    '',
  ].join('\n');
}

const GREETING_LIMIT_MS = 2_000;

/** Waits until one of the servers greets; NATS_URL may name several. */
export async function awaitNats(
  url: string,
  options: { clock: Clock; limitMs: number; signal: AbortSignal; say: (text: string) => void },
): Promise<void> {
  const { clock, limitMs, signal, say } = options;
  const servers = url.split(',').map((one) => new URL(one.trim()));
  const places = servers.map(({ host }) => host).join(', ');
  const deadline = clock.monotonic() + limitMs;
  let announced = false;
  for (;;) {
    const problems = await Promise.all(servers.map((server) => greeting(server, clock)));
    if (problems.includes(undefined)) return;
    const problem = problems.join('; ');
    if (signal.aborted) throw new StartFailure('The start was interrupted.');
    if (clock.monotonic() > deadline)
      throw new StartFailure(
        `No NATS server answers at ${places} (NATS_URL): ${problem}. Start it, correct NATS_URL, or unset it to do without.`,
      );
    if (!announced) say(`Waiting up to ${limitMs / 1_000} s for NATS at ${places}: ${problem}.`);
    announced = true;
    await pause(clock, 250, signal);
  }
}

/** What is wrong with a server; undefined when it greets as NATS does. */
async function greeting(server: URL, clock: Clock): Promise<string | undefined> {
  const socket = connect({
    host: server.hostname.replace(/^\[|\]$/g, ''),
    port: server.port === '' ? 4_222 : Number(server.port),
  });
  const answer = new Promise<string | undefined>((resolve) => {
    socket.once('error', (error) => resolve(messageOf(error) || 'no connection'));
    socket.once('close', () => resolve('it closed the connection'));
    socket.once('data', (bytes: Buffer) =>
      resolve(bytes.subarray(0, 5).toString('latin1') === 'INFO ' ? undefined : 'it does not speak NATS'),
    );
  });
  const outcome = await within(clock, GREETING_LIMIT_MS, answer);
  socket.destroy();
  return outcome === expired ? `it does not answer within ${GREETING_LIMIT_MS / 1_000} s` : outcome;
}

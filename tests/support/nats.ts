import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from '#lib/lifecycle/free-port.ts';

export interface NatsServer {
  url: string;
  /** SIGKILL, as a crash; what it has stored stays. */
  kill(): Promise<void>;
  /** On the same port with the same store. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Why tests that need a NATS server are skipped, or undefined when they can run:
 * `describe.skipIf(natsMissing)(\`… ${natsMissing ?? ''}\`, …)`. TELEGATE_TEST_REQUIRE_NATS=1 makes them fail instead.
 */
export const natsMissing: string | undefined = findMissing();

function findMissing(): string | undefined {
  if (spawnSync('nats-server', ['--version']).status === 0) return undefined;
  const reason =
    'no nats-server on PATH; install it (https://github.com/nats-io/nats-server/releases, `brew install nats-server`, `go install github.com/nats-io/nats-server/v2@latest`)';
  if (process.env['TELEGATE_TEST_REQUIRE_NATS'] === '1') throw new Error(reason);
  return reason;
}

/** A real server with JetStream, on a free port, with a store of its own. */
export async function startNats(): Promise<NatsServer> {
  const store = await mkdtemp(join(tmpdir(), 'telegate-nats-'));
  const port = await findFreePort();
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    child = spawn('nats-server', ['-js', '-sd', store, '-a', '127.0.0.1', '-p', String(port)], {
      stdio: 'ignore',
    });
    const running = child;
    for (;;) {
      if (running.exitCode !== null) throw new Error(`nats-server ended with ${running.exitCode}`);
      if (await answers(port)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async function end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const running = child;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    running.kill(signal);
    await ended;
  }

  await start();
  return {
    url: `nats://127.0.0.1:${port}`,
    kill: () => end('SIGKILL'),
    start,
    async stop() {
      await end('SIGTERM');
      await rm(store, { recursive: true, force: true });
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

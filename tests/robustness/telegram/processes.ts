import { fork, spawn, type ChildProcess } from 'node:child_process';
import { randomUUIDv7 } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { LocalTelegramService } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import type { Recorder } from '../history.ts';
import type { MessagingProcess } from '../nemesis/fault.ts';
import { monotonic } from '../time.ts';
import type { MessagingSite } from './messaging-process.ts';

const LOCAL_TELEGRAM = fileURLToPath(new URL('../../../services/local-telegram/main.ts', import.meta.url));
const MESSAGING = fileURLToPath(new URL('messaging-process.ts', import.meta.url));
const STOP_LIMIT_MS = 25_000;

export interface RunningTelegram {
  readonly control: Client<typeof LocalTelegramService>;
  stop(): Promise<void>;
}

/** The local Telegram as a process of its own, with an empty world. */
export async function startTelegramProcess(): Promise<RunningTelegram> {
  const env = {
    PATH: process.env['PATH'],
    GRPC_PORT: '0',
    ADMIN_PORT: '0',
    MTPROTO_PORT: '0',
    SEED: 'off',
  };
  const child = spawn(process.execPath, [LOCAL_TELEGRAM], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const serving = Promise.withResolvers<number>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.includes('"event":"serving"'))
      serving.resolve((JSON.parse(line) as { grpc_port: number }).grpc_port);
  });
  child.once('exit', (code) => serving.reject(new Error(`local-telegram ended with ${code}`)));
  const control = connect(LocalTelegramService, { address: `127.0.0.1:${await serving.promise}` });
  return {
    control,
    async stop() {
      control.close();
      await end(child, 'SIGTERM');
    },
  };
}

export interface RunningMessaging extends MessagingProcess {
  /** Lets it give everything back and go. */
  stop(): Promise<void>;
}

/** A messaging process; each time it starts it is another to the pool. */
export async function startMessaging(
  site: MessagingSite,
  name: string,
  recorder: Recorder,
  program = MESSAGING,
  extra: NodeJS.ProcessEnv = {},
): Promise<RunningMessaging> {
  let child: ChildProcess;
  let processId: string;
  let pausedAt = 0;
  async function start(): Promise<void> {
    processId = `${name}-${randomUUIDv7()}`;
    child = fork(program, {
      env: {
        ...process.env,
        ...extra,
        ROBUSTNESS_SITE: JSON.stringify(site),
        ROBUSTNESS_NAME: name,
        ROBUSTNESS_PROCESS: processId,
      },
    });
    await once(child, 'message');
  }
  await start();
  return {
    start,
    kill: () => end(child, 'SIGKILL'),
    suspend() {
      pausedAt = monotonic();
      child.kill('SIGSTOP');
    },
    resume() {
      child.kill('SIGCONT');
      recorder.write({ kind: 'paused', t: pausedAt, end: monotonic(), process: processId });
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.send('stop');
      await end(child);
    },
  };
}

async function end(child: ChildProcess, signal?: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  if (signal) child.kill(signal);
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await exit;
  clearTimeout(force);
}

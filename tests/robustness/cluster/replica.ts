import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { MessagingName } from '../history.ts';

export type ReplicaName = 'replica-0' | 'replica-1' | MessagingName;

export interface Replica {
  readonly name: ReplicaName;
  /** Resolves when it serves. */
  start(): Promise<void>;
  kill(): Promise<void>;
  /** SIGTERM, and by force if that takes too long. */
  stop(): Promise<void>;
  suspend(): void;
  resume(): void;
  /** Its wall clock, from the true one. */
  setClock(offsetMs: number): void;
}

export interface ReplicaOptions {
  name: ReplicaName;
  folder: string;
  history: string;
  /** The program to run: the service's own, or a control's. */
  entry: string;
  env: NodeJS.ProcessEnv;
}

/** What a replica logged lies beside the history, for whoever has to find out why. */
export function logOf(history: string, name: ReplicaName): string {
  return history.replace(/\.jsonl$/, `.${name}.log`);
}

const PRELOAD = fileURLToPath(new URL('preload.ts', import.meta.url));
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 8_000;

export function defineReplica(options: ReplicaOptions): Replica {
  const { name } = options;
  const clockFile = join(options.folder, `${name}.clock`);
  writeFileSync(clockFile, '0');
  const log = createWriteStream(logOf(options.history, name), { flags: 'a' });
  let child: ChildProcess | undefined;

  async function end(signal: NodeJS.Signals): Promise<void> {
    const running = child;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const exit = once(running, 'exit');
    running.kill(signal);
    running.kill('SIGCONT');
    const force = setTimeout(() => running.kill('SIGKILL'), STOP_LIMIT_MS);
    await exit;
    clearTimeout(force);
  }

  return {
    name,
    async start() {
      const started = spawn(process.execPath, ['--import', PRELOAD, options.entry], {
        env: {
          ...options.env,
          ROBUSTNESS_CLOCK_FILE: clockFile,
          ROBUSTNESS_NAME: name,
          ROBUSTNESS_HISTORY: options.history,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child = started;
      let complaint = '';
      started.stderr.on('data', (chunk: Buffer) => {
        complaint = `${complaint}${chunk.toString()}`.slice(-2_000);
        log.write(chunk);
      });
      const serving = Promise.withResolvers<void>();
      createInterface({ input: started.stdout }).on('line', (line) => {
        log.write(`${line}\n`);
        if (line.includes('"event":"serving"')) serving.resolve();
      });
      started.once('exit', (code, signal) =>
        serving.reject(new Error(`${name} ended (${code ?? signal}) before it served: ${complaint}`)),
      );
      const late = setTimeout(
        () => serving.reject(new Error(`${name} did not serve within ${START_LIMIT_MS} ms`)),
        START_LIMIT_MS,
      );
      await serving.promise.finally(() => clearTimeout(late));
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    suspend: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    setClock: (offsetMs) => writeFileSync(clockFile, String(offsetMs)),
  };
}

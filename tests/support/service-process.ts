import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface ServiceProcess {
  readonly child: ChildProcess;
  readonly address: string;
  readonly admin: string;
  /** Every line of its log, parsed. */
  readonly log: Record<string, unknown>[];
  /** Everything that it wrote on standard error. */
  stderr(): string;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** A service of the mesh as a process of its own; resolves when it serves. */
export async function startServiceProcess(name: string, env: NodeJS.ProcessEnv): Promise<ServiceProcess> {
  const main = fileURLToPath(new URL(`../../services/${name}/main.ts`, import.meta.url));
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const log: Record<string, unknown>[] = [];
  const lines = createInterface({ input: child.stdout });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  const serving = new Promise<Record<string, unknown>>((resolve, reject) => {
    lines.on('line', (line) => {
      const entry = JSON.parse(line) as Record<string, unknown>;
      log.push(entry);
      if (entry['event'] === 'serving') resolve(entry);
    });
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}: ${complaint}`)));
  });
  const { grpc_port: grpcPort, admin_port: adminPort } = await serving;
  return {
    child,
    log,
    address: `127.0.0.1:${String(grpcPort)}`,
    admin: `http://127.0.0.1:${String(adminPort)}`,
    stderr: () => complaint,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) {
        const exit = once(child, 'exit');
        child.kill(signal);
        await exit;
      }
      return child.exitCode;
    },
  };
}

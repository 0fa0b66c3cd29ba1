import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Recorder } from '../history.ts';
import { createRandom } from '../random.ts';
import { runOperator } from './operator.ts';
import { runPacedPairs, type Pace } from './paced.ts';
import type { Site } from './site.ts';
import { postOf } from './traffic.ts';
import { runUnaryClient } from './unary.ts';
import { runWaiter } from './waiter.ts';
import { runWorker } from './worker.ts';

const UNARY_CLIENTS = 3;
const WAITERS = 8;
const WORKERS = 2;
const HOLDER_PROCESSES = 2;
const HOLDER_PROGRAM = fileURLToPath(new URL('holder-process.ts', import.meta.url));
const STOP_LIMIT_MS = 15_000;

export interface Traffic {
  readonly pace: Pace;
  readonly holders: readonly ChildProcess[];
  /** All clients finish what they do and go. */
  stop(): Promise<void>;
}

export async function startTraffic(site: Site, recorder: Recorder): Promise<Traffic> {
  const stopping = new AbortController();
  const random = createRandom(`${site.seed}/clients`);
  const shared = { site, recorder, random, signal: stopping.signal };
  const holders = await Promise.all(
    Array.from({ length: HOLDER_PROCESSES }, (_, index) => startHolders(site, `holders-${index}`)),
  );
  const clients = (name: string, count: number, run: (post: ReturnType<typeof postOf>) => Promise<void>) =>
    Array.from({ length: count }, (_, index) => run(postOf(shared, `${name}-${index}`)));
  const running = [
    ...clients('unary', UNARY_CLIENTS, runUnaryClient),
    ...clients('waiter', WAITERS, runWaiter),
    ...clients('worker', WORKERS, runWorker),
    ...clients('operator', 1, runOperator),
  ];
  const pace = runPacedPairs(postOf(shared, 'paced'));
  return {
    pace,
    holders,
    async stop() {
      stopping.abort();
      await Promise.all([...running, pace.done, ...holders.map(stopHolders)]);
    },
  };
}

async function startHolders(site: Site, name: string): Promise<ChildProcess> {
  const child = fork(HOLDER_PROGRAM, {
    env: { ...process.env, ROBUSTNESS_SITE: JSON.stringify(site), ROBUSTNESS_NAME: name },
  });
  await once(child, 'message');
  return child;
}

async function stopHolders(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.send('stop');
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await exit;
  clearTimeout(force);
}

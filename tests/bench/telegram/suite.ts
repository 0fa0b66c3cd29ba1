import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ratioLine, type Line } from '../report.ts';
import { median } from '../statistics.ts';
import { makeKeys, startLocal, type Local } from './local.ts';
import { measureSends } from './send.ts';

export interface TelegramBench {
  readonly rounds: number;
  readonly seconds: number;
  /** Sessions connected at once. */
  readonly sessions: number;
  readonly idleSeconds: number;
  readonly cycles: number;
  readonly clients: number;
}

const MIB = 2 ** 20;
const CYCLES_AT_ONCE = 16;
const DRIVER = fileURLToPath(new URL('driver.ts', import.meta.url));
const LIBRARY = fileURLToPath(new URL('library.ts', import.meta.url));

/** In the order of the table; each can be run alone by its name. */
export const telegramMeasurements: Readonly<Record<string, (bench: TelegramBench) => Promise<Line[]>>> = {
  sessions: (bench) => withLocal((local) => measureSessions(local, bench)),
  calls: (bench) => withLocal((local) => measureCalls(local, bench)),
  sends: (bench) => withLocal((local) => measureSends(local, bench)),
  cycles: (bench) => withLocal((local) => measureCycles(local, bench)),
};

async function withLocal<T>(work: (local: Local) => Promise<T>): Promise<T> {
  const local = await startLocal();
  try {
    return await work(local);
  } finally {
    await local.stop();
  }
}

async function measureSessions(local: Local, bench: TelegramBench): Promise<Line[]> {
  const { sessions, idleSeconds } = bench;
  const keys = await makeKeys(local.control, sessions);
  const said = await runDriver([local.address, 'hold', String(sessions), String(idleSeconds)], keys);
  if (said['sockets'] !== sessions) throw new Error(`${said['sockets']} of ${sessions} were connected`);
  const each = said['rss']! / sessions / MIB;
  const idle = 100 * said['idleShare']!;
  const resume = said['resumeSeconds']!;
  const name = `${sessions} sessions connected`;
  return [
    { name: `${name}: memory each`, value: each, shown: `${each.toFixed(3)} MiB`, target: { atMost: 0.5 } },
    { name: `${name}: idle`, value: idle, shown: `${idle.toFixed(1)} % of a core`, target: { atMost: 5 } },
    {
      name: `${name}: to resume all`,
      value: resume,
      shown: `${resume.toFixed(1)} s`,
      target: { atMost: 30 },
    },
    countLine(`${name}: sockets left after`, said['left']!),
  ];
}

async function measureCalls(local: Local, { rounds, seconds, clients }: TelegramBench): Promise<Line[]> {
  const { address, control } = local;
  const driver = await startCaller(
    [DRIVER, address, 'calls', String(clients)],
    await makeKeys(control, clients),
  );
  const library = await startCaller([LIBRARY, address], await makeKeys(control, clients));
  try {
    const ours: Round[] = [];
    const theirs: Round[] = [];
    await driver.round(1);
    await library.round(1);
    for (let round = 0; round < rounds; round += 1) {
      ours.push(await driver.round(seconds));
      theirs.push(await library.round(seconds));
    }
    const rates = (all: readonly Round[]): number[] => all.map(({ rate }) => rate);
    return [
      roundsLine(`the driver's pipeline, ${clients} sessions`, ours),
      roundsLine(`invoke of GramJS, ${clients} clients`, theirs),
      ratioLine('the pipeline over GramJS', rates(ours), rates(theirs), 0.8),
    ];
  } finally {
    await Promise.all([driver.stop(), library.stop()]);
  }
}

async function measureCycles(local: Local, { cycles }: TelegramBench): Promise<Line[]> {
  const keys = await makeKeys(local.control, CYCLES_AT_ONCE);
  const said = await runDriver([local.address, 'cycle', String(cycles)], keys);
  const name = `${cycles} connects and disconnects`;
  const [rss, heap, seconds] = [said['rss']! / MIB, said['heap']! / MIB, said['seconds']!];
  return [
    {
      name: `${name}: memory grown from half to half`,
      value: rss,
      shown: `${rss.toFixed(1)} MiB`,
      target: { atMost: 16 },
    },
    { name: `${name}: heap grown`, value: heap, shown: `${heap.toFixed(1)} MiB`, target: { atMost: 2 } },
    { name: `${name}: time`, value: seconds, shown: `${seconds.toFixed(1)} s` },
    countLine(`${name}: sockets left`, said['left']!),
  ];
}

export interface Round {
  readonly rate: number;
  readonly cpuMicros: number;
}

export interface Caller {
  round(seconds: number): Promise<Round>;
  stop(): Promise<void>;
}

export async function startCaller(args: readonly string[], keys: readonly Buffer[]): Promise<Caller> {
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${args[0]} ended`);
    return JSON.parse(value);
  };
  child.stdin.write(lineOf(keys));
  await next();
  return {
    async round(seconds) {
      child.stdin.write(`${seconds}\n`);
      return (await next()) as Round;
    },
    async stop() {
      if (child.exitCode !== null) return;
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}

async function runDriver(args: readonly string[], keys: readonly Buffer[]): Promise<Record<string, number>> {
  const running = promisify(execFile)(process.execPath, ['--expose-gc', DRIVER, ...args]);
  running.child.stdin!.write(lineOf(keys));
  const { stdout } = await running;
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, number>;
}

function lineOf(keys: readonly Buffer[]): string {
  return `${keys.map((key) => key.toString('hex')).join(' ')}\n`;
}

function roundsLine(name: string, all: readonly Round[]): Line {
  const value = median(all.map(({ rate }) => rate));
  const cpu = median(all.map(({ cpuMicros }) => cpuMicros));
  const shown = `${Math.round(value)} calls/s, ${Math.round(cpu)} µs of CPU each`;
  return { name, value, shown, rounds: all.map(({ rate }) => rate) };
}

function countLine(name: string, value: number): Line {
  return { name, value, shown: String(value), target: { atMost: 0 } };
}

import { once } from 'node:events';
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';

const program = fileURLToPath(new URL('fixtures/program.ts', import.meta.url));
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

interface Started {
  child: ChildProcess;
  out: () => string;
  err: () => string;
  lines: () => string[];
  exit: Promise<{ code: number | null; signal: string | null }>;
}

function start(
  scenario: string,
  options: { args?: string[]; env?: object; stdio?: StdioOptions } = {},
): Started {
  const child = spawn(process.execPath, [program, ...(options.args ?? [])], {
    env: { PATH: process.env['PATH'], SCENARIO: scenario, ...options.env },
    stdio: options.stdio ?? ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  return {
    child,
    out: () => out,
    err: () => err,
    lines: () => out.split('\n').filter((line) => line !== '' && !line.startsWith('{')),
    exit: exitOf(child),
  };
}

/** Not the 'close' event: it never comes after the parent has disconnected. */
async function exitOf(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  const streams = [child.stdout, child.stderr].map((stream) => stream && once(stream, 'close'));
  const [[code, signal]] = await Promise.all([once(child, 'exit'), ...streams]);
  return { code, signal };
}

async function startReady(scenario: string, options?: Parameters<typeof start>[1]): Promise<Started> {
  const started = start(scenario, options);
  await vi.waitFor(() => expect(started.out() + started.err()).toContain('ready'), { timeout: 10_000 });
  return started;
}

describe('before the start', () => {
  test('--help lists the variables and exits with 0', async () => {
    const { exit, out } = start('serve', { args: ['--help'] });
    expect(await exit).toEqual({ code: 0, signal: null });
    expect(out()).toContain('SIZE');
    expect(out()).toContain('Shows what the frame of a program does.');
  });

  test('every configuration fault is named at once, with exit code 2', async () => {
    const { exit, err } = start('serve', { env: { SIZE: '99', SCENARIO: 'nonsense' } });
    expect(await exit).toEqual({ code: 2, signal: null });
    expect(err()).toContain('SIZE');
    expect(err()).toContain('SCENARIO');
  });

  test('an unknown argument is refused', async () => {
    const { exit, err } = start('serve', { args: ['--verbose'] });
    expect((await exit).code).toBe(2);
    expect(err()).toContain('--verbose');
  });
});

test('a start that fails closes what was opened, says why in one sentence without passwords, exits with 1', async () => {
  const { exit, err, lines, out } = start('fail');
  expect(await exit).toEqual({ code: 1, signal: null });
  expect(lines()).toEqual(['closed server', 'closed first']);
  expect(err()).toBe('sample: cannot start: postgres://user:***@db/x is not there; start it\n');
  expect(out() + err()).not.toContain('hunter2');
});

describe('stopping', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s closes in reverse order and exits with 0', async (signal) => {
    const { child, exit, lines } = await startReady('serve');
    child.kill(signal);
    expect(await exit).toEqual({ code: 0, signal: null });
    expect(lines()).toEqual(['ready', 'closed server', 'closed first']);
  });

  test('a step that hangs is given up after its time, and the others still run', async () => {
    const { child, exit, lines, out } = await startReady('hang');
    child.kill('SIGTERM');
    expect((await exit).code).toBe(1);
    expect(lines()).toEqual(['ready', 'closed server', 'closed first']);
    expect(out()).toContain('stop_timed_out');
  });

  test('all steps together have a limit', async () => {
    const { child, exit, out } = await startReady('stuck');
    child.kill('SIGTERM');
    expect((await exit).code).toBe(1);
    expect(out()).toContain('stop_timed_out');
  });

  test('a step that is added while the others run is run too', async () => {
    const { child, exit, lines } = await startReady('late-step');
    child.kill('SIGTERM');
    expect((await exit).code).toBe(0);
    expect(lines()).toContain('closed late');
  });

  test('the same signal a second time exits at once', async () => {
    const { child, exit, out } = await startReady('stuck');
    child.kill('SIGTERM');
    await vi.waitFor(() => expect(out()).toContain('stuck'));
    const again = setInterval(() => child.kill('SIGTERM'), 50);
    expect(await exit).toEqual({ code: 143, signal: null });
    clearInterval(again);
  });

  test('a signal during the start stops it', async () => {
    const { child, exit, lines } = await startReady('slow-start');
    child.kill('SIGTERM');
    expect(await exit).toEqual({ code: 0, signal: null });
    expect(lines()).toEqual(['ready', 'closed server', 'closed first']);
  });

  test('a task stops by itself', async () => {
    const { exit, lines } = start('task');
    expect(await exit).toEqual({ code: 0, signal: null });
    expect(lines()).toEqual(['ready', 'closed server', 'closed first']);
  });
});

test.each(['reject', 'throw'])(
  'an error that nobody caught (%s) is logged, drained, exit 1',
  async (scenario) => {
    const { exit, lines, out } = await startReady(scenario);
    expect(await exit).toEqual({ code: 1, signal: null });
    expect(lines()).toContain('closed server');
    expect(out()).toContain('"level":"fatal"');
    expect(out()).toContain('nobody caught');
  },
);

describe('the parent dies', () => {
  test('an IPC channel that closes drains', async () => {
    const { child, exit, lines } = await startReady('serve', { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    child.disconnect();
    expect((await exit).code).toBe(0);
    expect(lines()).toContain('closed server');
  });

  test('standard input that ends drains, when asked for', async () => {
    const env = { TELEGATE_STOP_ON_STDIN_END: '1' };
    const { child, exit, lines } = await startReady('serve', { env, stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin?.end();
    expect((await exit).code).toBe(0);
    expect(lines()).toContain('closed server');
  });
});

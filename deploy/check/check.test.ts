import { expect, test } from 'vitest';
import { runSteps } from './runner.ts';
import type { Step } from './runner.ts';
import { lockFile } from './steps.ts';

function around(parallel: number) {
  const printed: string[] = [];
  let now = 0;
  return {
    printed,
    parallel,
    monotonic: () => (now += 100),
    print: (text: string) => void printed.push(text),
  };
}

const passes = (name: string, output = ''): Step => ({ name, run: async () => ({ code: 0, output }) });

test('every step runs and prints its line, also after one that fails or throws', async () => {
  const surroundings = around(1);
  const steps: Step[] = [
    { name: 'lint', run: async () => ({ code: 3, output: 'line 7 is wrong' }) },
    { name: 'types', run: () => Promise.reject(new Error('tsc is not there')) },
    { name: 'silent', run: async () => ({ code: 1, output: '' }) },
    passes('contracts', 'compared with v1.0.0'),
    passes('format'),
  ];
  expect(await runSteps(steps, surroundings)).toEqual({ failed: ['lint', 'types', 'silent'] });
  expect(surroundings.printed).toEqual([
    'FAIL  lint         0.1 s\nline 7 is wrong\n\n',
    'FAIL  types        0.1 s\ntsc is not there\n\n',
    'FAIL  silent       0.1 s\n(no output, exit code 1)\n\n',
    'ok    contracts    0.1 s  compared with v1.0.0\n',
    'ok    format       0.1 s\n',
  ]);
});

test('steps run beside each other, up to the limit', async () => {
  const surroundings = around(2);
  const both = Promise.withResolvers<void>();
  let running = 0;
  let most = 0;
  const meeting = (name: string): Step => ({
    name,
    run: async () => {
      most = Math.max(most, ++running);
      if (running === 2) both.resolve();
      await both.promise;
      running -= 1;
      return { code: 0, output: '' };
    },
  });
  const steps = [meeting('a'), meeting('b'), meeting('c'), meeting('d')];
  expect(await runSteps(steps, surroundings)).toEqual({ failed: [] });
  expect(most).toBe(2);
});

test('a lock file that names a registry is refused, links are not', () => {
  const entry = { version: '1.0.0', integrity: 'sha512-x' };
  const link = { resolved: 'packages/own', link: true };
  expect(lockFile(JSON.stringify({ packages: { '': {}, 'node_modules/a': entry, own: link } })).code).toBe(0);
  const resolved = { ...entry, resolved: 'https://registry.example/a.tgz' };
  const refused = lockFile(
    JSON.stringify({ packages: { 'node_modules/a': entry, 'node_modules/b': resolved } }),
  );
  expect(refused.code).toBe(1);
  expect(refused.output).toContain('1 entries have a `resolved` field: node_modules/b');
});

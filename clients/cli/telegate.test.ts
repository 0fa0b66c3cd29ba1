import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runCli } from '../../tests/support/cli.ts';

const nodeArgs = ['-r', fileURLToPath(new URL('fixtures/old-node.cjs', import.meta.url))];

test('an older Node starts the pinned one, and hands its exit code on', async () => {
  const wrong = await runCli(['nothing'], { nodeArgs });
  expect(wrong).toEqual(await runCli(['nothing']));
  expect(wrong.code).toBe(2);
  expect(await runCli(['--help'], { nodeArgs })).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^telegate: /),
  });
});

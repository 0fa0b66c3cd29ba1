import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';
import { runSteps } from './runner.ts';
import { stepsFor } from './steps.ts';

const root = join(import.meta.dirname, '../..');
const bin = join(root, 'node_modules/.bin');
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };

const { failed } = await runSteps(stepsFor(root, env), {
  parallel: availableParallelism(),
  monotonic: () => performance.now(),
  print: (text) => process.stdout.write(text),
});
if (failed.length > 0) {
  process.stdout.write(`failed: ${failed.join(', ')}\n`);
  process.exitCode = 1;
}

import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Language } from './language.ts';
import { formatStamps, readStamps, stampFile, stampOf } from './stamp.ts';

let root: string;
let generator: string;
const language: Language = {
  name: 'python',
  outputFolder: 'gen/python',
  generatorIdentity: async () => generator,
  generate: () => Promise.reject(new Error('not asked for')),
};
const stamp = (files = ['a.proto', 'b.proto']) => stampOf(root, language, files);

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'telegate-stamp-'));
  generator = 'protoc 1';
  for (const folder of ['proto', 'gen/python']) await mkdir(join(root, folder), { recursive: true });
  await writeFile(join(root, 'proto/a.proto'), 'message A {}');
  await writeFile(join(root, 'proto/b.proto'), 'message B {}');
  await writeFile(join(root, 'gen/python/a_pb2.py'), 'A = 1');
});
afterEach(() => rm(root, { recursive: true, force: true }));

test('a change of a contract, its name, or the generator changes the sources, not the output', async () => {
  const before = await stamp();
  await writeFile(join(root, 'proto/a.proto'), 'message A { }');
  const changed = await stamp();
  await rename(join(root, 'proto/b.proto'), join(root, 'proto/c.proto'));
  const renamed = await stamp(['a.proto', 'c.proto']);
  generator = 'protoc 2';
  const upgraded = await stamp(['a.proto', 'c.proto']);

  const all = [before, changed, renamed, upgraded];
  expect(new Set(all.map(({ sources }) => sources)).size).toBe(4);
  expect(new Set(all.map(({ output }) => output)).size).toBe(1);
});

test('a change of the output changes the output alone; what using it leaves behind does not count', async () => {
  const before = await stamp();
  await mkdir(join(root, 'gen/python/__pycache__'));
  await writeFile(join(root, 'gen/python/__pycache__/a_pb2.pyc'), '');
  expect(await stamp()).toEqual(before);
  await writeFile(join(root, 'gen/python/a_pb2.py'), 'A = 2');
  const after = await stamp();
  expect(after.sources).toBe(before.sources);
  expect(after.output).not.toBe(before.output);
});

test('stamps read as they were written, and as none where there are none', async () => {
  expect(await readStamps(root)).toEqual({});
  const stamps = { python: await stamp(), go: { sources: 'a'.repeat(64), output: 'b'.repeat(64) } };
  await writeFile(join(root, stampFile), formatStamps(stamps));
  expect(await readStamps(root)).toEqual(stamps);
});

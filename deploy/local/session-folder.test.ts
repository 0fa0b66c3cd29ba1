import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { telethonString } from '../../tests/support/session-pool.ts';
import { expectNothingLeft, newHome, startLauncher } from './fixtures/launcher.ts';

let place: ReturnType<typeof newHome>;
let folder: string;
beforeEach(() => {
  place = newHome();
  folder = join(place.parent, 'mine');
});
afterEach(async () => {
  await expectNothingLeft(place.parent);
  place.remove();
});

const start = (): ReturnType<typeof startLauncher> =>
  startLauncher({
    home: place.home,
    args: ['--ephemeral', '--mesh-file', join(place.parent, 'mesh.json')],
    // As npm has it: the path is meant from where the person is.
    env: { SESSIONS_DIR: './mine', INIT_CWD: place.parent, LOG_LEVEL: 'warn' },
    script: 'deploy/local/start.ts',
  });

test('a start with SESSIONS_DIR lists the sessions that it found, and the files that are none', async () => {
  mkdirSync(folder);
  for (let n = 0; n < 25; n += 1) writeFileSync(join(folder, `desk-${n}.session`), telethonString());
  for (let n = 0; n < 23; n += 1) writeFileSync(join(folder, `note-${n}.txt`), 'no session');
  const launcher = start();
  await launcher.says('Sessions: 25 in the pool after a look into ./mine (SESSIONS_DIR)');
  await launcher.says(
    /\n {2}desk-0\n[^]*\n {2}… and 5 more\n23 files there can not be used:\n {2}note-0\.txt: /,
  );
  await launcher.says('\n  … and 3 more\n');
  launcher.signal('SIGINT');
  expect(await launcher.exited).toEqual({ code: 0, signal: null });
});

test('a folder that is not there is told, and the mesh runs', async () => {
  const launcher = start();
  await launcher.says(/Sessions of \.\/mine \(SESSIONS_DIR\) are not taken over: .*it is not there/);
  launcher.signal('SIGINT');
  expect(await launcher.exited).toEqual({ code: 0, signal: null });
});

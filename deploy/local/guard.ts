import { rmSync } from 'node:fs';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { readRunning, removeTraces, stopLeftovers } from './running.ts';

/**
 * Stands beside the launcher in a session of its own and outlives a `kill -9` of it: when the pipe between
 * them closes and the record of what runs is still there, the guard stops everything that is in it.
 */
const [, , runningFile, launcherPid] = process.argv;
if (runningFile === undefined) throw new Error('the launcher starts this with the path of its record');

process.stdin.resume();
process.stdin.once('close', () => {
  cleanUp(runningFile).then(
    () => process.exit(0),
    () => process.exit(1),
  );
});

async function cleanUp(path: string): Promise<void> {
  const mesh = readRunning(path);
  if (!mesh || String(mesh.launcher.pid) !== launcherPid) return;
  await stopLeftovers(mesh, systemClock);
  rmSync(path, { force: true });
  removeTraces(mesh);
}

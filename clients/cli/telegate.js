#!/usr/bin/env node
// Any Node reads this file. The program itself needs Node 24, which npm installed beside it if this one is older.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED_MAJOR = 24;
const source = new URL('main.ts', import.meta.url);
// What npm pack made of it: Node runs no TypeScript under node_modules.
const main = existsSync(source) ? source : new URL('../../dist/clients/cli/main.js', import.meta.url);

function pinnedNode() {
  const { resolve } = createRequire(import.meta.url);
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  for (const prefix of ['node', 'node-bin']) {
    let folder;
    try {
      folder = dirname(resolve(`${prefix}-${platform}-${process.arch}/package.json`));
    } catch {
      continue; // Not the package of this platform.
    }
    const path = join(folder, 'bin', name);
    if (existsSync(path)) return path;
  }
  return undefined;
}

function runUnder(node) {
  const child = spawn(node, [fileURLToPath(main), ...process.argv.slice(2)], { stdio: 'inherit' });
  // The terminal sends Ctrl-C to both; the child decides when it is done.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`telegate: ${node} does not start: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 1;
    if (signal === null) return;
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) {
  import(main.href).catch((error) => {
    process.stderr.write(`telegate does not start: ${error.stack}\n`);
    process.exit(1);
  });
} else {
  const node = pinnedNode();
  if (node !== undefined) runUnder(node);
  else {
    process.stderr.write(
      `telegate needs Node ${NEEDED_MAJOR} or newer; this is ${process.versions.node}. ` +
        'Run npm ci in the folder of the project, which installs one, or install Node 26 yourself.\n',
    );
    process.exit(1);
  }
}

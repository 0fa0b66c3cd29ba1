import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { command } from '../command.ts';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { Misuse } from '../misuse.ts';

const launcher = fileURLToPath(new URL('../../../deploy/local/start.ts', import.meta.url));
const nodeCheck = fileURLToPath(new URL('../../../deploy/local/check-node.cjs', import.meta.url));

export const up = command({
  name: 'up',
  summary: 'runs the whole mesh on this machine until Ctrl-C, as npm start does',
  detail:
    'PostgreSQL comes along unless DATABASE_URL names one; a local Telegram stands in until TELEGRAM_API_ID and\n' +
    'TELEGRAM_API_HASH name an application. The data, the keys and mesh.json are in .telegate (TELEGATE_HOME).\n' +
    'telegate up --variables lists every variable.',
  operands: [],
  options: {
    fresh: { type: 'boolean', doc: 'delete the embedded data and start from nothing; the keys are kept' },
    ephemeral: { type: 'boolean', doc: 'free ports and a temporary folder that is removed at the end' },
    'no-nats': { type: 'boolean', doc: 'do not start a nats-server even if one is on PATH' },
    variables: { type: 'boolean', doc: 'list the variables of the environment, and start nothing' },
  },
  examples: ['telegate up', 'telegate up --ephemeral --mesh-file ./mesh.json'],
  async run({ values, shared, stop, env, cwd }) {
    if (shared.endpoint !== undefined || shared['api-key-file'] !== undefined)
      throw new Misuse('telegate up runs a mesh here: --endpoint and --api-key-file name another one.');
    if (!existsSync(launcher))
      throw new Misuse('This installation has no mesh in it: run npm start in a checkout of TeleGate.');
    const args = [
      ...(values.variables === true ? ['--help'] : []),
      ...(['fresh', 'ephemeral', 'no-nats'] as const).flatMap((name) => (values[name] ? [`--${name}`] : [])),
      ...(shared['mesh-file'] === undefined ? [] : ['--mesh-file', shared['mesh-file']]),
    ];
    const child = spawn(process.execPath, ['-r', nodeCheck, launcher, ...args], {
      stdio: 'inherit',
      cwd,
      // npm sets INIT_CWD to where it was called, which may be another folder than this.
      env: { ...env, INIT_CWD: cwd, ...homeBesideModules(cwd, env) },
    });
    // The launcher takes a terminal's Ctrl-C and this one for one.
    const pass = (): void => void child.kill('SIGINT');
    stop.addEventListener('abort', pass, { once: true });
    return await new Promise<ExitCode>((resolve, reject) => {
      child.once('error', (error) => reject(new Misuse(`The mesh does not start: ${error.message}.`)));
      child.once('exit', (code, signal) => {
        stop.removeEventListener('abort', pass);
        resolve(signal === null ? exitOf(code) : exitCode.interrupted);
      });
    });
  },
});

function exitOf(code: number | null): ExitCode {
  return Object.values(exitCode).find((known) => known === code) ?? exitCode.refused;
}

/** Data does not belong among installed packages, which go with the next installation. */
function homeBesideModules(cwd: string, env: NodeJS.ProcessEnv): { TELEGATE_HOME?: string } {
  const isInstalled = launcher.includes('node_modules');
  return isInstalled && (env['TELEGATE_HOME'] ?? '') === '' ? { TELEGATE_HOME: join(cwd, '.telegate') } : {};
}

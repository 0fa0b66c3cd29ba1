import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  fsyncSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, readConfig } from '#lib/config/config.ts';
import { masterKey, meshKey, operatorKey } from '#lib/config/shared.ts';
import type { Keys, KeyVariable } from './make-keys.ts';
import { keysAsEnvironmentFile, keyVariables, makeKeys } from './make-keys.ts';
import { errorCode, StartFailure } from './failure.ts';

/** The folder of everything that a mesh on this machine keeps. */
export interface Home {
  readonly folder: string;
  readonly postgres: string;
  readonly nats: string;
  /** The state of the local Telegram. */
  readonly telegram: string;
  /** Session files that join the pool, unless SESSIONS_DIR names another folder. */
  readonly sessions: string;
  readonly keys: string;
  readonly running: string;
  readonly meshFile: string;
}

export function homeAt(folder: string): Home {
  return {
    folder,
    postgres: join(folder, 'postgres'),
    nats: join(folder, 'nats'),
    telegram: join(folder, 'local-telegram.state'),
    sessions: join(folder, 'sessions'),
    keys: join(folder, 'keys'),
    running: join(folder, 'running.json'),
    meshFile: join(folder, 'mesh.json'),
  };
}

export function openHome(folder: string): Home {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  return homeAt(folder);
}

export function temporaryHome(): Home {
  return homeAt(mkdtempSync(join(tmpdir(), 'telegate-')));
}

export function deleteData(home: Home): void {
  for (const path of [home.postgres, home.nats, home.telegram])
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}

/** Whole or not at all, readable by its owner alone. */
export function writePrivateFile(path: string, content: string): void {
  const draft = writeDraft(path, content);
  try {
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** As writePrivateFile, but never replaces a file; false when one is there. */
export function createPrivateFile(path: string, content: string): boolean {
  const draft = writeDraft(path, content);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    unlinkSync(draft);
  }
}

function writeDraft(path: string, content: string): string {
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const file = openSync(draft, 'wx', 0o600);
  try {
    writeSync(file, content);
    fsyncSync(file);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  return draft;
}

export interface KeyChoice {
  keys: Keys;
  /** The variables that the environment did not set. */
  fromFile: readonly KeyVariable[];
  made: boolean;
}

/** Keys of the environment; those that are not set there come from the file, which is made when missing. */
export function chooseKeys(home: Home, env: NodeJS.ProcessEnv): KeyChoice {
  const set = (variable: KeyVariable): boolean => (env[variable] ?? '').trim() !== '';
  const fromFile = keyVariables.filter((variable) => !set(variable));
  if (fromFile.length === 0) return { keys: pick(keyVariables, env), fromFile, made: false };
  const made = !existsSync(home.keys) && makeKeysFile(home, fromFile);
  return { keys: { ...readKeys(home), ...pick(keyVariables.filter(set), env) }, fromFile, made };
}

function makeKeysFile(home: Home, needed: readonly KeyVariable[]): boolean {
  if (needed.includes('TELEGATE_MASTER_KEY') && existsSync(join(home.postgres, 'cluster')))
    throw new StartFailure(
      `The sessions in ${home.postgres} are encrypted with a key from ${home.keys}, and that file is gone. ` +
        'Put it back, set TELEGATE_MASTER_KEY to the key that was in it, or give the data up: npm start -- --fresh',
    );
  return createPrivateFile(home.keys, keysAsEnvironmentFile(makeKeys()));
}

function readKeys(home: Home): Keys {
  const entries = readFileSync(home.keys, 'utf8')
    .split('\n')
    .filter((line) => line.includes('='))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);
  const keys = Object.fromEntries(entries);
  try {
    readConfig({ masterKey, meshKey, operatorKey }, keys);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new StartFailure(
      `${home.keys} is damaged:\n${error.faults.map((fault) => `  ${fault.variable} ${fault.problem}`).join('\n')}\n` +
        'Put the file back as it was: sessions that are stored already cannot be read without it. ' +
        'If there is nothing to lose, delete it and run: npm start -- --fresh',
    );
  }
  return pick(keyVariables, keys);
}

function pick<K extends string>(
  names: readonly K[],
  from: Record<string, string | undefined>,
): Record<K, string> {
  return Object.fromEntries(names.map((name) => [name, from[name] ?? ''])) as Record<K, string>;
}

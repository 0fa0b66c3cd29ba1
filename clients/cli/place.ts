import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { MeshFile } from '../../deploy/local/mesh-file.ts';
import { Misuse } from './misuse.ts';

/** Where one service is, and the key to it. */
export interface Place {
  readonly addresses: readonly Address[];
  /** `TELEGATE_ENDPOINT`, `--endpoint`, or the path of a mesh file. */
  readonly source: string;
  readonly apiKey: string;
  readonly keySource: string;
}

export interface Address {
  /** `host:port`. */
  readonly target: string;
  readonly tls: boolean;
}

/** Nothing says where a mesh might be. */
export class NoMesh extends Error {
  override readonly name = 'NoMesh';
}

export interface PlaceOptions {
  endpoint: string | undefined;
  apiKeyFile: string | undefined;
  meshFile: string | undefined;
  env: NodeJS.ProcessEnv;
  cwd: string;
}

const MAX_KEY_BYTES = 4_096;
const MAX_ADDRESSES = 32;

/** `service` is its name in the mesh file: session_pool. Flags come before the environment, that before files. */
export function findPlace(service: string, options: PlaceOptions): Place {
  const { env, meshFile } = options;
  const endpoint =
    meshFile === undefined ? (options.endpoint ?? nonEmpty(env, 'TELEGATE_ENDPOINT')) : options.endpoint;
  if (endpoint !== undefined) {
    const source = options.endpoint === undefined ? 'TELEGATE_ENDPOINT' : '--endpoint';
    return { addresses: readAddresses(source, endpoint), source, ...keyFor(options, namedMesh(options)) };
  }
  const found = findMesh(options);
  const entry = found.mesh.endpoints[service];
  if (!entry)
    throw new Misuse(
      `The mesh of ${found.path} has no ${service.replaceAll('_', '-')}. Name one with --endpoint.`,
    );
  return { addresses: readAddresses(found.path, entry.grpc), source: found.path, ...keyFor(options, found) };
}

export interface FoundMesh {
  path: string;
  mesh: MeshFile;
}

/** The key of a local mesh goes nowhere else, unless its file is named beside the other endpoint. */
function namedMesh({ meshFile, cwd }: PlaceOptions): FoundMesh | undefined {
  if (meshFile === undefined) return undefined;
  const path = resolve(cwd, meshFile);
  const mesh = readMesh(path);
  if (mesh === undefined) throw new Misuse(`--mesh-file: there is no ${path}.`);
  return { path, mesh };
}

function findMesh(options: PlaceOptions): FoundMesh {
  const { env, cwd, meshFile } = options;
  const home = nonEmpty(env, 'TELEGATE_HOME');
  const paths =
    meshFile !== undefined
      ? [resolve(cwd, meshFile)]
      : home !== undefined
        ? [resolve(cwd, home, 'mesh.json')]
        : upwards(cwd).map((folder) => join(folder, '.telegate', 'mesh.json'));
  for (const path of paths) {
    const mesh = readMesh(path);
    if (mesh) return { path, mesh };
  }
  const where = paths.length === 1 ? `there is no ${paths[0]}` : `no .telegate/mesh.json from ${cwd} upwards`;
  throw new NoMesh(`No mesh runs here: ${where}.`);
}

/** The mesh file that is named or lies here or above; undefined where there is none that can be used. */
export function findLocalMesh(options: PlaceOptions): FoundMesh | undefined {
  try {
    return findMesh(options);
  } catch (error) {
    if (error instanceof NoMesh || error instanceof Misuse) return undefined;
    throw error;
  }
}

function upwards(folder: string): string[] {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...upwards(above)];
}

function readMesh(path: string): MeshFile | undefined {
  let mesh: unknown;
  try {
    mesh = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    const problem = error instanceof SyntaxError ? 'it is not JSON' : whyUnreadable(error);
    throw new Misuse(`The mesh file ${path} can not be used: ${problem}. It is written by npm start.`);
  }
  if (!isMesh(mesh))
    throw new Misuse(
      `The mesh file ${path} can not be used: it lacks endpoints or the key. It is written by npm start.`,
    );
  return mesh;
}

function isMesh(value: unknown): value is MeshFile {
  const { endpoints, apiKey } = (value ?? {}) as Partial<MeshFile>;
  return (
    typeof apiKey === 'string' &&
    typeof endpoints === 'object' &&
    Object.values(endpoints ?? {}).every(
      (one) => typeof (one as { grpc?: unknown } | null)?.grpc === 'string',
    )
  );
}

function keyFor(
  { apiKeyFile, meshFile, env, cwd }: PlaceOptions,
  found: FoundMesh | undefined,
): Pick<Place, 'apiKey' | 'keySource'> {
  if (apiKeyFile !== undefined)
    return { apiKey: readKey(resolve(cwd, apiKeyFile)), keySource: '--api-key-file' };
  const fromEnvironment = meshFile === undefined ? nonEmpty(env, 'TELEGATE_API_KEY') : undefined;
  if (fromEnvironment !== undefined)
    return { apiKey: checkedKey('TELEGATE_API_KEY', fromEnvironment), keySource: 'TELEGATE_API_KEY' };
  if (found) return { apiKey: checkedKey(found.path, found.mesh.apiKey), keySource: found.path };
  throw new Misuse(
    'There is no API key: set TELEGATE_API_KEY, or name a file that holds it with --api-key-file.',
  );
}

function readKey(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Misuse(`--api-key-file: ${path} can not be read: ${whyUnreadable(error)}.`);
  }
  return checkedKey(path, text);
}

/** A key travels as a header, which takes no other characters. */
function checkedKey(source: string, text: string): string {
  const key = text.trim();
  if (key === '') throw new Misuse(`The API key of ${source} is empty.`);
  if (key.length > MAX_KEY_BYTES || !/^[\x21-\x7e]+$/.test(key))
    throw new Misuse(`What ${source} holds is no API key: one line of plain characters is expected.`);
  return key;
}

/** `host:port`, or `https://host:port` for TLS; several with commas between. */
function readAddresses(source: string, text: string): Address[] {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (parts.length === 0 || parts.length > MAX_ADDRESSES)
    throw new Misuse(`${source} must name 1 to ${MAX_ADDRESSES} addresses, with commas between.`);
  return parts.map((part) => {
    const match = /^(?:(https?):\/\/)?((?:\[[0-9a-f:.]+\]|[\w.-]+):(\d{1,5}))\/?$/i.exec(part);
    const port = Number(match?.[3] ?? 0);
    if (!match || port < 1 || port > 65_535)
      throw new Misuse(
        `${source} must look like host:port or https://host:port, for example 127.0.0.1:50051.`,
      );
    return { target: match[2]!, tls: match[1]?.toLowerCase() === 'https' };
  });
}

function nonEmpty(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === '' ? undefined : value;
}

function isCode(error: unknown, ...codes: string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

/** Shown without the path, which the sentence around it names. */
function whyUnreadable(error: unknown): string {
  if (isCode(error, 'EACCES', 'EPERM')) return 'you may not read it';
  if (isCode(error, 'ENOENT')) return 'there is no such file';
  if (isCode(error, 'EISDIR')) return 'it is a folder';
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

import type { BigIntStats } from 'node:fs';
import { constants } from 'node:fs';
import { access, lstat, open, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { pause } from '#lib/lifecycle/clock.ts';
import type { ParsedMaterial } from '#lib/telegram/material/detect.ts';
import { parseMaterial, parseMaterialFile } from '#lib/telegram/material/detect.ts';
import { SessionFileUnavailable, SessionMalformed } from '#lib/telegram/material/errors.ts';
import type { Material, MaterialFormat } from '#lib/telegram/material/material.ts';

/** By these a file is known to be as it was. */
export interface FileFacts {
  readonly size: number;
  readonly mtimeMs: number;
  readonly inode: bigint;
}

/**
 * `content`: what it holds is no session, and will not be until the file changes. `access`: it can not be read
 * now and may hold what it held. `place`: whatever it holds, it can not stand for a session where it is.
 */
export type FaultCause = 'content' | 'access' | 'place';

export interface ScannedFile extends FileFacts {
  readonly name: string;
  readonly fileName: string;
  readonly outcome:
    | { readonly kind: 'session'; readonly format: MaterialFormat; readonly material: Material }
    | {
        readonly kind: 'fault';
        readonly fault: SessionMalformed | SessionFileUnavailable;
        readonly cause: FaultCause;
      }
    | { readonly kind: 'unchanged' };
}

export interface FolderListing {
  /** The folder without symbolic links in its path. */
  readonly root: string;
  /** Every name in it, the files that SQLite keeps beside a database too. */
  readonly all: ReadonlySet<string>;
}

/** Larger files, whose bulk is people met and not the session, are read a few pages at a time. */
const LARGEST_IN_MEMORY = 256 * 1024;

const LOCKED_RETRIES = 5;
const LOCKED_PAUSE_MS = 50;

/** Undefined for a file that is not there any more, and for a folder. */
export async function readSessionFile(
  listing: FolderListing,
  { fileName, name, sameNameAs }: { fileName: string; name: string; sameNameAs?: string },
  previous: FileFacts | undefined,
  clock: Clock,
): Promise<ScannedFile | undefined> {
  let facts: FileFacts = { size: 0, mtimeMs: 0, inode: 0n };
  let inPlace = false;
  try {
    const { path, stats } = await located(listing.root, fileName);
    if (stats.isDirectory()) return undefined;
    facts = factsOf(stats);
    if (sameNameAs !== undefined)
      throw new SessionMalformed(
        undefined,
        `${sameNameAs} in the same folder gives the name ${name} already`,
      );
    if (!stats.isFile()) throw new SessionMalformed(undefined, 'it is not an ordinary file');
    inPlace = true;
    const log = await sizeOfLog(listing, fileName, path);
    if (previous && log === 0n && isSame(previous, facts))
      return { name, fileName, ...facts, outcome: { kind: 'unchanged' } };
    const parsed = await read(path, facts, log > 0n || listing.all.has(`${fileName}-journal`), clock);
    return { name, fileName, ...facts, outcome: { kind: 'session', ...parsed } };
  } catch (error) {
    if (isGone(error)) return undefined;
    const fault = faultOf(error);
    const cause = fault instanceof SessionFileUnavailable ? 'access' : inPlace ? 'content' : 'place';
    return { name, fileName, ...facts, outcome: { kind: 'fault', fault, cause } };
  }
}

/** A symbolic link is followed within the folder only, where mounted secrets have theirs. */
async function located(root: string, fileName: string): Promise<{ path: string; stats: BigIntStats }> {
  const path = join(root, fileName);
  const stats = await lstat(path, { bigint: true });
  if (!stats.isSymbolicLink()) return { path, stats };
  const target = await realpath(path);
  if (!target.startsWith(root.endsWith(sep) ? root : root + sep))
    throw new SessionFileUnavailable('it is a symbolic link that leads out of the folder', { locked: false });
  return { path: target, stats: await lstat(target, { bigint: true }) };
}

/** What a write-ahead log holds does not show in the times of the file it belongs to. */
async function sizeOfLog({ all }: FolderListing, fileName: string, path: string): Promise<bigint> {
  if (!all.has(`${fileName}-wal`)) return 0n;
  try {
    return (await stat(`${path}-wal`, { bigint: true })).size;
  } catch (error) {
    if (isGone(error)) return 0n;
    throw error;
  }
}

async function read(path: string, facts: FileFacts, isInUse: boolean, clock: Clock): Promise<ParsedMaterial> {
  if (!isInUse && facts.size <= LARGEST_IN_MEMORY) {
    const bytes = await readUndisturbed(path, facts);
    if (bytes) return parseMaterial(bytes);
  }
  for (let attempt = 1; ; attempt++) {
    try {
      return parseMaterialFile(path);
    } catch (error) {
      if (!(error instanceof SessionFileUnavailable) || !error.locked || attempt > LOCKED_RETRIES)
        throw error;
    }
    await pause(clock, LOCKED_PAUSE_MS * attempt);
  }
}

/** The bytes of a file that nobody wrote meanwhile; undefined when somebody did, or may have. */
async function readUndisturbed(path: string, facts: FileFacts): Promise<Buffer | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const buffer = Buffer.allocUnsafeSlow(facts.size);
    const { bytesRead } = await file.read(buffer, 0, facts.size, 0);
    // First the journal: where it is gone, its writer has finished and the file's time shows that it wrote.
    if (await exists(`${path}-journal`)) return undefined;
    return bytesRead === facts.size && isSame(facts, factsOf(await file.stat({ bigint: true })))
      ? buffer
      : undefined;
  } finally {
    await file.close();
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    // Whatever the reason: what can not be seen can not be in SQLite's way either.
    return false;
  }
}

function factsOf(stats: BigIntStats): FileFacts {
  return { size: Number(stats.size), mtimeMs: Number(stats.mtimeNs) / 1e6, inode: stats.ino };
}

function isSame(a: FileFacts, b: FileFacts): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs && a.inode === b.inode;
}

function faultOf(error: unknown): SessionMalformed | SessionFileUnavailable {
  if (error instanceof SessionMalformed || error instanceof SessionFileUnavailable) return error;
  return new SessionFileUnavailable(problemOf(error), { locked: false, cause: error });
}

function isGone(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

const problems: Record<string, string> = {
  ENOENT: 'it is not there',
  ENOTDIR: 'it is not there',
  EACCES: 'this process has no right to read it',
  EPERM: 'this process has no right to read it',
  ELOOP: 'it is a symbolic link to nothing that can be followed',
  EMFILE: 'this process has too many files open',
  EIO: 'the disk gives an error',
  ESTALE: 'the file server has lost it',
};

/** The file system's refusal in words, without the path. */
export function problemOf(error: unknown): string {
  const code = codeOf(error);
  if (code === undefined) throw error;
  return problems[code] ?? `the file system says ${code}`;
}

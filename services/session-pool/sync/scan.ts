import { opendir, realpath, stat } from 'node:fs/promises';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { SessionFolderUnavailable } from './errors.ts';
import type { FileFacts, FolderListing, ScannedFile } from './session-file.ts';
import { problemOf, readSessionFile } from './session-file.ts';

export interface ScanOptions {
  readonly clock: Clock;
  /** What the last scan said of each file, by file name: a file of which all is as it was is not opened. */
  readonly previous?: ReadonlyMap<string, FileFacts>;
  /** Called now and then, and at the end. */
  readonly onProgress?: (progress: { done: number; total: number }) => void;
}

export const MAX_FILES = 100_000;

/** The order is that of preference where two files have one name. */
const EXTENSIONS = ['.session', '.string', '.txt'];

/** More than the file system's threads, so that they do not wait; few enough to keep a scan's memory small. */
const FILES_AT_ONCE = 16;
const PROGRESS_EVERY_MS = 250;

/**
 * Reads the sessions in a folder, in the order of their names. Each file either is a session, or has a fault, or
 * is as it was; none of them ends the scan. Only the folder does: SessionFolderUnavailable when it is not there,
 * or no longer the same one at the end.
 */
export async function* scanSessionFolder(
  folder: string,
  { clock, previous = new Map(), onProgress }: ScanOptions,
): AsyncGenerator<ScannedFile, void, undefined> {
  const { listing, names, inode } = await list(folder);
  const running: Promise<ScannedFile | undefined>[] = [];
  const begin = (entry: NamedFile): void => {
    running.push(readSessionFile(listing, entry, previous.get(entry.fileName), clock));
  };
  let done = 0;
  let reportedAt = clock.monotonic();
  try {
    for (const entry of names.slice(0, FILES_AT_ONCE)) begin(entry);
    for (let next = FILES_AT_ONCE; done < names.length; next++) {
      const file = await running.shift();
      const following = names[next];
      if (following) begin(following);
      done += 1;
      if (file) yield file;
      if (onProgress && clock.monotonic() - reportedAt >= PROGRESS_EVERY_MS) {
        reportedAt = clock.monotonic();
        onProgress({ done, total: names.length });
      }
    }
  } finally {
    await Promise.all(running);
  }
  // A folder that vanished meanwhile looks like one whose files were all removed.
  if ((await inodeOf(folder)) !== inode)
    throw new SessionFolderUnavailable(folder, 'it was removed or replaced while it was read');
  onProgress?.({ done, total: names.length });
}

/** The names of the session files, in order; what they hold is not looked at. */
export async function listSessionFolder(folder: string): Promise<string[]> {
  const { names } = await list(folder);
  return names.map(({ fileName }) => fileName);
}

interface NamedFile {
  readonly fileName: string;
  readonly name: string;
  /** The file that has this name already. */
  readonly sameNameAs?: string;
}

async function list(folder: string): Promise<{ listing: FolderListing; names: NamedFile[]; inode: bigint }> {
  const inode = await inodeOf(folder);
  try {
    const root = await realpath(folder);
    const fileNames: string[] = [];
    const all = new Set<string>();
    for await (const { name } of await opendir(root, { bufferSize: 1_024 })) {
      all.add(name);
      if (!name.startsWith('.') && extensionOf(name) !== undefined) fileNames.push(name);
      if (fileNames.length > MAX_FILES)
        throw new SessionFolderUnavailable(folder, `it has more than ${MAX_FILES} session files`);
    }
    return { listing: { root, all }, names: named(fileNames), inode };
  } catch (error) {
    if (error instanceof SessionFolderUnavailable) throw error;
    throw new SessionFolderUnavailable(folder, problemOf(error), { cause: error });
  }
}

async function inodeOf(folder: string): Promise<bigint> {
  try {
    const stats = await stat(folder, { bigint: true });
    if (stats.isDirectory()) return stats.ino;
  } catch (error) {
    throw new SessionFolderUnavailable(folder, problemOf(error), { cause: error });
  }
  throw new SessionFolderUnavailable(folder, 'it is not a folder');
}

function named(fileNames: readonly string[]): NamedFile[] {
  const firstOf = new Map<string, string>();
  const entries = fileNames.map((fileName) => {
    const extension = extensionOf(fileName) ?? '';
    return { fileName, extension, name: fileName.slice(0, -extension.length) };
  });
  for (const entry of entries.toSorted(
    (a, b) => EXTENSIONS.indexOf(a.extension) - EXTENSIONS.indexOf(b.extension),
  ))
    if (!firstOf.has(entry.name)) firstOf.set(entry.name, entry.fileName);
  return entries
    .toSorted((a, b) => (a.fileName < b.fileName ? -1 : 1))
    .map(({ fileName, name }) => {
      const first = firstOf.get(name);
      return { fileName, name, ...(first !== fileName && { sameNameAs: first }) };
    });
}

function extensionOf(fileName: string): string | undefined {
  return EXTENSIONS.find((extension) => fileName.endsWith(extension) && fileName.length > extension.length);
}

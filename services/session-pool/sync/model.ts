import type { Material } from '#lib/telegram/material/material.ts';

/** A file of the folder and what was found in it. */
export interface FolderFile {
  readonly fileName: string;
  /** What its session is called. */
  readonly name: string;
  readonly content: FileContent;
}

export type FileContent =
  /** `material` is absent when the file is as it was and so was not read. */
  | { readonly kind: 'session'; readonly print: string; readonly material?: Material }
  /** It may hold what it held. */
  | { readonly kind: 'unreadable'; readonly fault: string }
  | { readonly kind: 'broken'; readonly fault: string }
  /** Whatever it holds, it can not stand for a session. */
  | { readonly kind: 'unfit'; readonly fault: string };

/** What the last sync wrote down of a file. */
export interface KnownFile {
  readonly print: string | null;
  readonly sessionId: bigint | null;
}

/** A session of the folder's tenant. */
export interface PooledSession {
  readonly id: bigint;
  readonly name: string;
  readonly print: string;
  /** Only such are renamed and removed. */
  readonly bySync: boolean;
  /** Leased, or its socket may be open: if it is to go, it goes when that is over. */
  readonly busy: boolean;
  /** `by_sync` because its file was gone: undone when the file is back. */
  readonly leaving: 'no' | 'by_sync' | 'by_call';
}

export interface FileVerdict {
  readonly file: FolderFile;
  readonly sessionId: bigint | null;
  readonly fault: string | null;
}

export interface SyncPlan {
  readonly removals: readonly bigint[];
  readonly renames: ReadonlyMap<bigint, string>;
  readonly revivals: readonly bigint[];
  readonly adds: readonly FolderFile[];
  /** Of every file but those that are added. */
  readonly verdicts: readonly FileVerdict[];
  /** Files that become sessions when a session that is in use now has gone. */
  readonly waiting: number;
  /** Files whose session vanished from the pool since they were last read. */
  readonly toReadAgain: number;
}

export interface SyncFacts {
  /** In the order of their names: of several files with one key the first counts. */
  readonly files: readonly FolderFile[];
  readonly known: ReadonlyMap<string, KnownFile>;
  readonly sessions: readonly PooledSession[];
  /** The keys among these that another tenant has. */
  readonly foreign: ReadonlySet<string>;
}

/** What makes the pool agree with the folder. The order to do it in: removals, renames, revivals, adds. */
export function planSync({ files, known, sessions, foreign }: SyncFacts): SyncPlan {
  const byPrint = new Map(sessions.map((session) => [session.print, session]));
  const byId = new Map(sessions.map((session) => [session.id, session]));
  const namesOfCalls = new Set(sessions.flatMap(({ bySync, name }) => (bySync ? [] : name)));
  const holders = chooseHolders(files, known, { byPrint, byId, namesOfCalls });

  const kept = new Map<bigint, FolderFile>();
  for (const [print, file] of holders) {
    const session = byPrint.get(print);
    if (session) kept.set(session.id, file);
  }
  for (const file of files) {
    const session = linkedSession(file, known, byId);
    if (file.content.kind === 'broken' && session && !kept.has(session.id)) kept.set(session.id, file);
  }

  const removals = sessions.filter(({ id, bySync, leaving }) => bySync && leaving === 'no' && !kept.has(id));
  const gone = new Set(removals.filter(({ busy }) => !busy).map(({ id }) => id));
  const naming = nameSessions(
    sessions.filter(({ id }) => !gone.has(id)),
    kept,
  );

  const adds: FolderFile[] = [];
  const verdicts: FileVerdict[] = [];
  let waiting = 0;
  let toReadAgain = 0;
  const removing = new Set(removals.map(({ id }) => id));
  const isDeparting = ({ id, leaving }: PooledSession): boolean =>
    removing.has(id) || leaving === 'by_call' || (leaving === 'by_sync' && !kept.has(id));
  for (const file of files) {
    const verdict = (sessionId: bigint | null, fault: string | null): void =>
      void verdicts.push({ file, sessionId, fault });
    const { content } = file;
    const linked = linkedSession(file, known, byId);
    const keptBy = (session: PooledSession | undefined): bigint | null =>
      session && kept.get(session.id) === file ? session.id : null;
    if (content.kind !== 'session') {
      verdict(content.kind === 'unfit' ? null : keptBy(linked), content.fault);
      continue;
    }
    if (foreign.has(content.print)) {
      verdict(null, FAULTS.foreign);
      continue;
    }
    const holder = holders.get(content.print)!;
    if (holder !== file) {
      verdict(null, FAULTS.duplicate(holder.fileName));
      continue;
    }
    const own = byPrint.get(content.print);
    if (own) {
      if (own.leaving === 'by_call') waiting += 1;
      verdict(own.id, own.leaving === 'by_call' ? FAULTS.beingDeleted : (naming.faults.get(own.id) ?? null));
      continue;
    }
    const rival = naming.owners.get(file.name);
    if (!rival) {
      if (content.material) adds.push(file);
      else toReadAgain += 1;
    } else if (isDeparting(rival)) {
      waiting += 1;
      verdict(null, FAULTS.replaced);
    } else {
      const other = kept.get(rival.id);
      verdict(null, rival.bySync && other ? FAULTS.nameOfFile(other.fileName) : FAULTS.nameOfCall);
    }
  }
  return {
    removals: removals.map(({ id }) => id),
    renames: naming.renames,
    revivals: sessions.filter(({ id, leaving }) => leaving === 'by_sync' && kept.has(id)).map(({ id }) => id),
    adds,
    verdicts,
    waiting,
    toReadAgain,
  };
}

const FAULTS = {
  foreign: 'Its key is in the pool of another tenant already.',
  beingDeleted:
    'Its session is being deleted. It is added again when that is done; remove the file otherwise.',
  replaced:
    'The session of this name, whose key the folder does not hold any more, is still in use. The file is added ' +
    'when that session has left.',
  nameOfCall: 'The pool has another session of this name, which sync did not add. Rename the file.',
  duplicate: (fileName: string) => `It holds the same key as ${fileName}. Remove one of the two.`,
  nameOfFile: (fileName: string) => `The session of ${fileName} has this name still. Rename one of the two.`,
  keepsName: (name: string, wanted: string) =>
    `Its session keeps the name ${name}: another session is called ${wanted}.`,
};

function linkedSession(
  { fileName }: FolderFile,
  known: ReadonlyMap<string, KnownFile>,
  byId: ReadonlyMap<bigint, PooledSession>,
): PooledSession | undefined {
  const id = known.get(fileName)?.sessionId ?? null;
  return id === null ? undefined : byId.get(id);
}

/** Which file stands for a key: the one that did, the one of the session's name, or the first that may. */
function chooseHolders(
  files: readonly FolderFile[],
  known: ReadonlyMap<string, KnownFile>,
  pool: {
    byPrint: ReadonlyMap<string, PooledSession>;
    byId: ReadonlyMap<bigint, PooledSession>;
    namesOfCalls: ReadonlySet<string>;
  },
): Map<string, FolderFile> {
  const { byPrint, byId, namesOfCalls } = pool;
  const holders = new Map<string, { file: FolderFile; rank: number }>();
  for (const file of files) {
    const linked = linkedSession(file, known, byId);
    const print =
      file.content.kind === 'session'
        ? file.content.print
        : file.content.kind === 'unreadable'
          ? linked?.print
          : undefined;
    if (print === undefined) continue;
    const session = byPrint.get(print);
    const rank = !session
      ? Number(!namesOfCalls.has(file.name))
      : linked === session
        ? 2
        : Number(session.name === file.name);
    const best = holders.get(print);
    if (!best || rank > best.rank) holders.set(print, { file, rank });
  }
  return new Map([...holders].map(([print, { file }]) => [print, file]));
}

interface Naming {
  renames: Map<bigint, string>;
  /** By name, when all renames are done. */
  owners: Map<string, PooledSession>;
  faults: Map<bigint, string>;
}

/** Sessions are called as their files; one whose name is not to be had keeps its own, and that one's taker too. */
function nameSessions(sessions: readonly PooledSession[], kept: ReadonlyMap<bigint, FolderFile>): Naming {
  const wishes = new Map<string, PooledSession>();
  const owners = new Map<string, PooledSession>();
  const settled: PooledSession[] = [];
  for (const session of sessions) {
    const file = kept.get(session.id);
    const moves =
      file && session.bySync && session.leaving !== 'by_call' && file.content.kind === 'session'
        ? file.name !== session.name
        : false;
    if (moves) wishes.set(file!.name, session);
    else settled.push(session);
  }
  const faults = new Map<bigint, string>();
  for (let session = settled.pop(); session; session = settled.pop()) {
    owners.set(session.name, session);
    const loser = wishes.get(session.name);
    if (!loser) continue;
    wishes.delete(session.name);
    faults.set(loser.id, FAULTS.keepsName(loser.name, session.name));
    settled.push(loser);
  }
  for (const [name, session] of wishes) owners.set(name, session);
  return { renames: new Map([...wishes].map(([name, { id }]) => [id, name])), owners, faults };
}

/** A sync that would remove fewer is believed unless the folder is empty. */
const FEW_REMOVALS = 20;

/**
 * Whether so many files are gone that the folder is more likely not the right one: a volume that is not mounted
 * is an empty folder, a wrong one holds other files.
 */
export function isDoubtful(
  { removals }: Pick<SyncPlan, 'removals'>,
  { files, sessions }: Pick<SyncFacts, 'files' | 'sessions'>,
  mostRemovedPercent: number,
): boolean {
  const bySync = sessions.filter((session) => session.bySync && session.leaving === 'no').length;
  const tooMany = removals.length * 100 > bySync * mostRemovedPercent;
  return tooMany && removals.length >= (files.length === 0 ? 2 : FEW_REMOVALS);
}

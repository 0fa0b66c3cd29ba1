import { transaction } from '#lib/postgres/transaction.ts';
import { fingerprint } from '#lib/telegram/material/fingerprint.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import type { Pool } from '../pool.ts';
import * as validate from '#lib/requests/validate.ts';
import { addFiles, recordFiles, removeGone, renameAndRevive } from './apply.ts';
import { SessionFolderDoubtful } from './errors.ts';
import { isDoubtful, planSync, type FileContent, type FileVerdict, type FolderFile } from './model.ts';
import { finishRun, type SyncResult, type SyncRun } from './runs.ts';
import { listSessionFolder, scanSessionFolder } from './scan.ts';
import type { ScannedFile } from './session-file.ts';
import { findForeign, isSameRow, readFileRows, readPooledSessions, type FileRow } from './store.ts';

export interface SyncFolder {
  readonly path: string;
  /** Whose the sessions are. */
  readonly tenantId: string;
  /** Above this share of its sessions missing at once, the folder is not believed. */
  readonly mostRemovedPercent: number;
}

export interface Progress {
  readonly doing: 'reading' | 'adding';
  readonly done: number;
  readonly total: number;
}

export interface RunOutcome {
  readonly result: SyncResult;
  readonly renamed: number;
  readonly files: number;
  /** Files that wait for a session in use to leave: it is worth to look again soon. */
  readonly waiting: number;
}

/** Who calls for a session, imports or deletes one meanwhile makes a plan stale: then it is made again. */
const ROUNDS = 5;

/** A change within this of the last one may not show in a file's time, which some file systems round. */
const SETTLED_MS = 2_000;

const MOVED = 'The pool changed while it was compared with the folder. The next sync adds the file.';

/** Compares folder and pool, and makes the pool agree. */
export async function runSync(
  pool: Pool,
  folder: SyncFolder,
  run: SyncRun,
  options: { signal: AbortSignal; onProgress: (progress: Progress) => void },
): Promise<RunOutcome> {
  let added = 0;
  let removed = 0;
  let renamed = 0;
  for (let left = ROUNDS - 1; ; left -= 1) {
    options.signal.throwIfAborted();
    const round = await runRound(pool, folder, run, { ...options, isLast: left === 0 });
    added += round.added;
    removed += round.removed;
    renamed += round.renamed;
    if (!round.isDone && left > 0) continue;
    const result = await transaction(pool.database, (trx) => finishRun(trx, run, { added, removed }));
    return { result, renamed, files: round.files, waiting: round.waiting };
  }
}

interface Round {
  added: number;
  removed: number;
  renamed: number;
  files: number;
  waiting: number;
  /** Nobody came between: pool and folder agree. */
  isDone: boolean;
}

async function runRound(
  pool: Pool,
  folder: SyncFolder,
  run: SyncRun,
  options: { signal: AbortSignal; onProgress: (progress: Progress) => void; isLast: boolean },
): Promise<Round> {
  const { tenantId } = folder;
  const { onProgress } = options;
  const known = await readFileRows(pool.database.kysely, tenantId);
  const { files, rows } = await readFolder(pool, folder, known, options);
  // After the files: a session that was added or deleted meanwhile is seen as it is now.
  const sessions = await readPooledSessions(pool.database.kysely, tenantId);
  const own = new Set(sessions.map(({ print }) => print));
  const foreign = await findForeign(
    pool.database.kysely,
    tenantId,
    files.flatMap(({ content }) =>
      content.kind === 'session' && !own.has(content.print) ? content.print : [],
    ),
  );
  const facts = { files, known, sessions, foreign };
  const plan = planSync(facts);
  if (isDoubtful(plan, facts, folder.mostRemovedPercent))
    throw new SessionFolderDoubtful(folder.path, {
      missing: plan.removals.length,
      expected: sessions.filter(({ bySync }) => bySync).length,
      files: files.length,
    });

  // A file that is renamed while the folder is listed may not have been in the list: look again before it counts
  // as gone.
  const isSteady = plan.removals.length === 0 || (await isStill(folder.path, files));
  if (!isSteady && !options.isLast)
    return { added: 0, removed: 0, renamed: 0, files: files.length, waiting: 0, isDone: false };

  const removed = isSteady ? await removeGone(pool, run, plan.removals) : 0;
  const hasNames = await renameAndRevive(pool, run, plan);
  const adds = hasNames ? plan.adds : [];
  const added = await addFiles(
    pool,
    run,
    adds.flatMap(({ fileName, name, content }) =>
      content.kind === 'session' && content.material
        ? [{ name, material: content.material, row: rows.get(fileName)! }]
        : [],
    ),
    (done) => {
      options.signal.throwIfAborted();
      onProgress({ doing: 'adding', done, total: adds.length });
    },
  );
  const hasAll = hasNames && added === plan.adds.length && plan.toReadAgain === 0;
  const changed = changedRows(plan.verdicts, rows, known);
  if (!hasAll && options.isLast) changed.push(...(await notAdded(pool, run, plan.adds, rows)));
  const gone = [...known.keys()].filter((fileName) => !rows.has(fileName));
  const isRecorded = await recordFiles(pool, run, { changed, gone });
  return {
    added,
    removed,
    renamed: hasNames ? plan.renames.size : 0,
    files: files.length,
    waiting: plan.waiting,
    isDone: isSteady && hasAll && isRecorded,
  };
}

async function isStill(path: string, files: readonly FolderFile[]): Promise<boolean> {
  const names = await listSessionFolder(path);
  const before = new Set(files.map(({ fileName }) => fileName));
  return names.every((fileName) => before.has(fileName));
}

function changedRows(
  verdicts: readonly FileVerdict[],
  rows: ReadonlyMap<string, FileRow>,
  known: ReadonlyMap<string, FileRow>,
): FileRow[] {
  return verdicts.flatMap(({ file, sessionId, fault }) => {
    const row = { ...rows.get(file.fileName)!, sessionId, fault };
    const before = known.get(file.fileName);
    return before && isSameRow(row, before) ? [] : [row];
  });
}

async function notAdded(
  pool: Pool,
  run: SyncRun,
  adds: readonly FolderFile[],
  rows: ReadonlyMap<string, FileRow>,
): Promise<FileRow[]> {
  const recorded = await readFileRows(pool.database.kysely, run.tenantId);
  return adds
    .filter(({ fileName }) => (recorded.get(fileName)?.sessionId ?? null) === null)
    .map(({ fileName }) => ({ ...rows.get(fileName)!, fault: MOVED }));
}

async function readFolder(
  pool: Pool,
  folder: SyncFolder,
  known: ReadonlyMap<string, FileRow>,
  options: { signal: AbortSignal; onProgress: (progress: Progress) => void },
): Promise<{ files: FolderFile[]; rows: Map<string, FileRow> }> {
  const files: FolderFile[] = [];
  const rows = new Map<string, FileRow>();
  const scan = scanSessionFolder(folder.path, {
    clock: pool.clock,
    previous: new Map([...known].filter(([, row]) => canBelieve(row))),
    onProgress: ({ done, total }) => options.onProgress({ doing: 'reading', done, total }),
  });
  for await (const scanned of scan) {
    options.signal.throwIfAborted();
    const file = folderFile(scanned, known.get(scanned.fileName));
    files.push(file);
    rows.set(scanned.fileName, fileRow(scanned, file, pool.clock.now()));
  }
  return { files, rows };
}

/** What a file that did not change is, only the file says: other faults depend on what the pool holds. */
function canBelieve({ settled, broken, sessionId }: FileRow): boolean {
  return settled && (broken || sessionId !== null);
}

function folderFile({ fileName, name, outcome }: ScannedFile, before: FileRow | undefined): FolderFile {
  return { fileName, name, content: unfitName(name) ?? contentOf(outcome, before) };
}

function contentOf(outcome: ScannedFile['outcome'], before: FileRow | undefined): FileContent {
  switch (outcome.kind) {
    case 'session': {
      const { material } = outcome;
      return { kind: 'session', print: fingerprint(material.authKey).toString('hex'), material };
    }
    case 'unchanged':
      return before!.broken
        ? { kind: 'broken', fault: before!.fault! }
        : { kind: 'session', print: before!.print! };
    case 'fault': {
      const kind = ({ content: 'broken', access: 'unreadable', place: 'unfit' } as const)[outcome.cause];
      return { kind, fault: outcome.fault.message };
    }
  }
}

function unfitName(name: string): FileContent | undefined {
  const violations: FieldViolation[] = [];
  validate.sessionName(violations, 'name', name);
  if (violations.length === 0) return undefined;
  return { kind: 'unfit', fault: `Its name ${violations[0]!.description}. Rename the file.` };
}

function fileRow(
  { size, mtimeMs, inode }: ScannedFile,
  { fileName, content }: FolderFile,
  now: number,
): FileRow {
  return {
    fileName,
    size,
    mtimeMs,
    inode,
    settled: Math.abs(now - mtimeMs) > SETTLED_MS,
    print: content.kind === 'session' ? content.print : null,
    broken: content.kind === 'broken',
    sessionId: null,
    fault: null,
  };
}

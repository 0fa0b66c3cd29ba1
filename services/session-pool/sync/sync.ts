import { randomUUIDv7 } from 'node:crypto';
import { GoingAway } from '#lib/rpc/errors.ts';
import { instruments } from '#lib/telemetry/metrics.ts';
import { withSpan } from '#lib/telemetry/spans.ts';
import type { Pool } from '../pool.ts';
import { runSync, type Progress, type RunOutcome, type SyncFolder } from './run.ts';
import { beginRun, databaseTime, findResult, whileLocked, type SyncResult } from './runs.ts';

export interface Sync {
  readonly folder: SyncFolder;
  /**
   * The result of a comparison that began after this call did, or at most `maxAgeMs` before: one's own, or one
   * that others asked for as well, here or on another replica.
   */
  run(options?: { maxAgeMs?: number }): Promise<SyncOutcome>;
  /** Gives up what runs at the next step; what was added by then stays. */
  stop(): Promise<void>;
}

export interface SyncOutcome {
  readonly result: SyncResult;
  /** Files that wait for a session in use to leave. */
  readonly waiting: number;
}

const PROGRESS_EVERY_MS = 2_000;
const FAULTS_LOGGED = 20;

const metrics = instruments((meter) => ({
  duration: meter.createHistogram('telegate.pool.sync.duration', {
    unit: 's',
    description: 'How long comparisons of the session folder with the pool took.',
  }),
  changes: meter.createCounter('telegate.pool.sync.changes', {
    description: 'Sessions that sync added, removed or renamed.',
  }),
  files: meter.createGauge('telegate.pool.sync.files', {
    description: 'Session files in the folder at the last sync of this replica, by whether they can be used.',
  }),
}));

/** At most one comparison runs in a pool; who asks meanwhile shares the next. */
export function createSync(pool: Pool, folder: SyncFolder): Sync {
  const stopping = new AbortController();
  let running: Promise<SyncOutcome> | undefined;
  let next: Promise<SyncOutcome> | undefined;

  function start(maxAgeMs: number): Promise<SyncOutcome> {
    const started = withSpan('sync sessions', {}, () =>
      perform(pool, folder, maxAgeMs, stopping.signal),
    ).finally(() => {
      if (running === started) running = undefined;
    });
    running = started;
    return started;
  }

  async function startAfter(earlier: Promise<unknown>): Promise<SyncOutcome> {
    await earlier.catch(() => undefined);
    next = undefined;
    return start(0);
  }

  return {
    folder,
    run({ maxAgeMs = 0 } = {}) {
      if (!running) return start(maxAgeMs);
      return (next ??= startAfter(running));
    },
    async stop() {
      stopping.abort(new GoingAway());
      await (next ?? running)?.catch(() => undefined);
    },
  };
}

async function perform(
  pool: Pool,
  folder: SyncFolder,
  maxAgeMs: number,
  signal: AbortSignal,
): Promise<SyncOutcome> {
  signal.throwIfAborted();
  const since = new Date((await databaseTime(pool)).getTime() - maxAgeMs);
  return whileLocked(pool, signal, async () => {
    const shared = await findResult(pool, folder.tenantId, since);
    if (shared) return { result: shared, waiting: 0 };
    return compare(pool, folder, signal);
  });
}

async function compare(pool: Pool, folder: SyncFolder, signal: AbortSignal): Promise<SyncOutcome> {
  const { clock } = pool;
  const startedAt = clock.monotonic();
  const tookS = (): number => (clock.monotonic() - startedAt) / 1_000;
  try {
    const run = await beginRun(pool, folder.tenantId, randomUUIDv7());
    const outcome = await runSync(pool, folder, run, { signal, onProgress: progressLogger(pool) });
    metrics().duration.record(tookS(), { 'telegate.outcome': 'ok' });
    measure(outcome);
    tell(pool, folder, outcome, tookS());
    return outcome;
  } catch (error) {
    metrics().duration.record(tookS(), { 'telegate.outcome': 'failed' });
    throw error;
  }
}

function progressLogger({ clock, log }: Pool): (progress: Progress) => void {
  let saidAt = clock.monotonic();
  return ({ doing, done, total }) => {
    if (clock.monotonic() - saidAt < PROGRESS_EVERY_MS) return;
    saidAt = clock.monotonic();
    log.info({ event: 'sync_progress', doing, done, total }, `session files: ${doing}, ${done} of ${total}`);
  };
}

function measure({ result, renamed, files }: RunOutcome): void {
  metrics().changes.add(result.added, { 'telegate.change': 'added' });
  metrics().changes.add(result.removed, { 'telegate.change': 'removed' });
  metrics().changes.add(renamed, { 'telegate.change': 'renamed' });
  metrics().files.record(files - result.faultCount, { 'telegate.usable': true });
  metrics().files.record(result.faultCount, { 'telegate.usable': false });
}

function tell({ log }: Pool, folder: SyncFolder, outcome: RunOutcome, seconds: number): void {
  const { result, renamed, files } = outcome;
  const { added, removed, total, faultCount, faults } = result;
  const counts = { files, added, removed, renamed, total, faults: faultCount };
  log.info(
    { event: 'synced', folder: folder.path, ...counts, seconds: Number(seconds.toFixed(3)) },
    `session files: ${files} in ${folder.path}; ${added} sessions added, ${removed} removed, ${total} in the pool`,
  );
  if (faultCount === 0) return;
  log.warn(
    { event: 'sync_faults', faults: faults.slice(0, FAULTS_LOGGED), fault_count: faultCount },
    `${faultCount} session files can not be used as they are`,
  );
}

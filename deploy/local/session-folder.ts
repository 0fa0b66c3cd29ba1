import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { connect } from '#lib/rpc/client.ts';
import { DomainError } from '#lib/rpc/errors.ts';

const SHOWN = 20;
/** Thousands of files take seconds; the start itself does not wait for them. */
const SYNC_LIMIT_MS = 300_000;

export interface SessionFolder {
  /** As the person gave it. */
  folder: string;
  /** Of session-pool. */
  address: string;
  apiKey: string;
}

/** What session-pool found in SESSIONS_DIR, or why it could not look, for people. */
export async function describeSessionFolder(
  { folder, address, apiKey }: SessionFolder,
  signal: AbortSignal,
): Promise<string> {
  const pool = connect(SessionPoolService, { address, apiKey });
  try {
    const { total, faults, faultCount } = await pool.syncSessions(
      {},
      {
        deadlineMs: SYNC_LIMIT_MS,
        signal,
      },
    );
    const { sessions } = await pool.listSessions({ pageSize: SHOWN }, { signal });
    return [
      `Sessions: ${total} in the pool after a look into ${folder} (SESSIONS_DIR)`,
      ...sessions.map(({ name, hasFile }) => `  ${name}${hasFile ? '' : ' (not from a file)'}`),
      ...more(total - sessions.length),
      ...(faultCount === 0
        ? []
        : [`${faultCount === 1 ? '1 file' : `${faultCount} files`} there can not be used:`]),
      ...faults.slice(0, SHOWN).map(({ file, problem }) => `  ${file}: ${problem}`),
      ...more(faultCount - Math.min(faultCount, SHOWN)),
      '',
    ].join('\n');
  } catch (error) {
    if (signal.aborted) return '';
    if (!(error instanceof DomainError)) throw error;
    return `Sessions of ${folder} (SESSIONS_DIR) are not taken over: ${error.message}\n`;
  } finally {
    pool.close();
  }
}

function more(count: number): string[] {
  return count > 0 ? [`  … and ${count} more`] : [];
}

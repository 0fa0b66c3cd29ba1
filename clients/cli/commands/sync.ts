import {
  SessionPoolService,
  SyncSessionsResponseSchema,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { table } from '../terminal/table.ts';

/** Thousands of files take seconds; this is the longest that a call may take at all. */
const LIMIT_MS = 300_000;

export const sync = command({
  name: 'sync',
  summary: 'compares the session folder with the pool: adds what is new, removes what is gone',
  detail:
    'The folder is the one that the mesh was given as SESSIONS_DIR. Files that could not be used are\nlisted; they harm nothing, and the exit code is 0.',
  operands: [],
  options: {},
  examples: ['telegate sync', "telegate sync --json | jq -r '.faults[].file'"],
  async run({ service, out }) {
    const pool = service(SessionPoolService);
    const response = await pool.call((client) => client.syncSessions({}, { deadlineMs: LIMIT_MS }));
    out.answer(SyncSessionsResponseSchema, response, () => {
      const { added, removed, total, faults, faultCount } = response;
      const counts = `${added} added, ${removed} removed, ${total} in the pool.`;
      if (faultCount === 0) return counts;
      const shown = table(
        ['FILE', 'PROBLEM'],
        faults.map(({ file, problem }) => [file, problem]),
      );
      const more = faultCount > faults.length ? `\n… and ${faultCount - faults.length} more` : '';
      return `${counts} ${faultCount} files could not be used:\n${shown}${more}`;
    });
    return exitCode.ok;
  },
});

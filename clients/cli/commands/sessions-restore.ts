import {
  RestoreSessionResponseSchema,
  SessionPoolService,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { findSession } from '../named-session.ts';
import { sessionSheet } from '../session-text.ts';

export const sessionsRestore = command({
  name: 'sessions restore',
  summary: 'puts a session back into the pool, and ends a quarantine',
  operands: ['ID|NAME'],
  options: {},
  examples: ['telegate sessions restore support-1'],
  async run({ operands, service, out, clock }) {
    const pool = service(SessionPoolService);
    const { sessionId } = await findSession(pool, operands[0]!);
    const response = await pool.call((client) => client.restoreSession({ sessionId }));
    out.answer(RestoreSessionResponseSchema, response, () => sessionSheet(response.session!, clock.now()));
    return exitCode.ok;
  },
});

import {
  DeleteSessionResponseSchema,
  SessionPoolService,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { findSession } from '../named-session.ts';
import { plain } from '../terminal/table.ts';

export const sessionsDelete = command({
  name: 'sessions delete',
  summary: 'removes a session and destroys its key; there is no way back',
  operands: ['ID|NAME'],
  options: { force: { type: 'boolean', doc: 'even if it is leased; its holder loses it' } },
  examples: ['telegate sessions delete support-1', 'telegate sessions delete id:17 --force'],
  async run({ operands, values, service, out }) {
    const pool = service(SessionPoolService);
    const { sessionId, name } = await findSession(pool, operands[0]!);
    const request = { sessionId, force: values.force === true };
    const response = await pool.call((client) => client.deleteSession(request));
    out.answer(
      DeleteSessionResponseSchema,
      response,
      () => `Session ${sessionId} (${plain(name)}) is deleted.`,
    );
    return exitCode.ok;
  },
});

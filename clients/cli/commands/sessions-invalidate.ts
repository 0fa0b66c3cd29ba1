import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import {
  InvalidateSessionResponseSchema,
  SessionPoolService,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { findSession } from '../named-session.ts';
import { sessionSheet } from '../session-text.ts';
import { readEnum } from '../values.ts';

const conditions: ReadonlyMap<string, SessionState> = new Map([
  ['invalid', SessionState.INVALID],
  ['banned', SessionState.BANNED],
  ['frozen', SessionState.FROZEN],
  ['needs_login', SessionState.NEEDS_LOGIN],
]);

export const sessionsInvalidate = command({
  name: 'sessions invalidate',
  summary: 'takes a session out of the pool until it is restored; a lease on it ends at once',
  operands: ['ID|NAME'],
  options: {
    as: { type: 'string', value: 'STATE', doc: `${[...conditions.keys()].join(', ')} (default: invalid)` },
    reason: { type: 'string', value: 'TEXT', doc: 'why, for people' },
  },
  examples: [
    'telegate sessions invalidate support-1 --reason "under investigation"',
    'telegate sessions invalidate id:17 --as banned',
  ],
  async run({ operands, values, service, out, clock }) {
    const condition = readEnum('--as', values.as, conditions) ?? SessionState.INVALID;
    const pool = service(SessionPoolService);
    const { sessionId } = await findSession(pool, operands[0]!);
    const request = { sessionId, condition, reason: values.reason ?? '' };
    const response = await pool.call((client) => client.invalidateSession(request));
    out.answer(InvalidateSessionResponseSchema, response, () => sessionSheet(response.session!, clock.now()));
    return exitCode.ok;
  },
});

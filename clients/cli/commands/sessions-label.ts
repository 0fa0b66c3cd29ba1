import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import {
  UpdateSessionResponseSchema,
  SessionPoolService,
  type UpdateSessionResponse,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { RpcError } from '#lib/rpc/status.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { findSession } from '../named-session.ts';
import type { Service } from '../service.ts';
import { sessionSheet } from '../session-text.ts';
import { readLabelChanges } from '../values.ts';

const ATTEMPTS = 5;

export const sessionsLabel = command({
  name: 'sessions label',
  summary: 'sets labels of a session, and removes those written as key-',
  operands: ['ID|NAME', 'KEY=VALUE|KEY-…'],
  options: {},
  examples: [
    'telegate sessions label support-1 team=support tier=2',
    'telegate sessions label support-1 tier-',
  ],
  async run({ operands, service, out, clock }) {
    const [name, ...changes] = operands as [string, ...string[]];
    const change = readLabelChanges('A label', changes)!;
    const response = await update(service(SessionPoolService), name, change);
    out.answer(UpdateSessionResponseSchema, response, () => sessionSheet(response.session!, clock.now()));
    return exitCode.ok;
  },
});

/** Labels are replaced as a whole, so a change of somebody else in between is read and kept. */
async function update(
  pool: Service<typeof SessionPoolService>,
  name: string,
  change: (labels: Readonly<Record<string, string>>) => Record<string, string>,
): Promise<UpdateSessionResponse> {
  for (let attempt = 1; ; attempt += 1) {
    const { sessionId, labels, etag } = await findSession(pool, name);
    const session = { sessionId, etag, labels: change(labels) };
    try {
      return await pool.call((client) =>
        client.updateSession({ session, updateMask: { paths: ['labels'] } }),
      );
    } catch (error) {
      const changed = error instanceof RpcError && error.reason === ErrorReason.ETAG_MISMATCH;
      if (!changed || attempt === ATTEMPTS) throw error;
    }
  }
}

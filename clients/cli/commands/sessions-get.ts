import { create } from '@bufbuild/protobuf';
import {
  GetSessionResponseSchema,
  SessionPoolService,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { findSession } from '../named-session.ts';
import { sessionSheet } from '../session-text.ts';

export const sessionsGet = command({
  name: 'sessions get',
  summary: 'one session, with its lease and its waits',
  operands: ['ID|NAME'],
  options: {},
  examples: ['telegate sessions get support-1', 'telegate sessions get id:17 --json'],
  async run({ operands, service, out, clock }) {
    const session = await findSession(service(SessionPoolService), operands[0]!);
    out.answer(GetSessionResponseSchema, create(GetSessionResponseSchema, { session }), () =>
      sessionSheet(session, clock.now()),
    );
    return exitCode.ok;
  },
});

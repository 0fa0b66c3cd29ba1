import {
  RevokeLeaseResponseSchema,
  SessionPoolService,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { moment } from '../terminal/times.ts';
import { readDuration } from '../values.ts';

export const leaseRevoke = command({
  name: 'lease revoke',
  summary: 'takes a lease from its holder, at once or after a grace',
  operands: ['LEASE_ID'],
  options: {
    grace: {
      type: 'string',
      value: '10s',
      doc: 'how long the holder may take to give it up (default: none)',
    },
    reason: { type: 'string', value: 'TEXT', doc: 'why, for the record' },
  },
  examples: ['telegate lease revoke 0199a2c4-…', 'telegate lease revoke 0199a2c4-… --grace 10s'],
  async run({ operands, values, service, out, clock }) {
    const grace = readDuration('--grace', values.grace);
    const request = {
      leaseId: operands[0]!,
      reason: values.reason ?? '',
      ...(grace === undefined ? {} : { grace }),
    };
    const response = await service(SessionPoolService).call((client) => client.revokeLease(request));
    out.answer(RevokeLeaseResponseSchema, response, () =>
      grace === undefined
        ? 'The lease is revoked.'
        : `The holder is asked to give it up; the lease ends at ${moment(response.endTime, clock.now())} at the latest.`,
    );
    return exitCode.ok;
  },
});

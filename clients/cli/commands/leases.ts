import { create } from '@bufbuild/protobuf';
import { LeaseAccessSchema, type Lease, type LeaseAccess } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import {
  ListLeasesResponseSchema,
  SessionPoolService,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { table } from '../terminal/table.ts';
import { moment } from '../terminal/times.ts';
import { enumNames, nameOf, readCount } from '../values.ts';

const accessNames: Map<string, LeaseAccess> = enumNames(LeaseAccessSchema);
const PAGE = 1_000;

export const leases = command({
  name: 'leases',
  summary: 'who holds which session, and until when',
  operands: [],
  options: {
    holder: { type: 'string', value: 'NAME', doc: 'only leases of this holder' },
    limit: { type: 'string', value: 'COUNT', doc: 'at most so many (default: 100)' },
  },
  examples: ['telegate leases', "telegate leases --json | jq -r '.leases[].leaseId'"],
  async run({ values, service, out, clock }) {
    const limit = readCount('--limit', values.limit, { max: 1_000_000, byDefault: 100 });
    const pool = service(SessionPoolService);
    const found: Lease[] = [];
    let pageToken = '';
    do {
      const request = {
        holder: values.holder ?? '',
        pageSize: Math.min(PAGE, limit - found.length),
        pageToken,
      };
      const page = await pool.call((client) => client.listLeases(request));
      found.push(...page.leases);
      pageToken = page.nextPageToken;
    } while (pageToken !== '' && found.length < limit);
    const listed = create(ListLeasesResponseSchema, { leases: found, nextPageToken: pageToken });
    out.answer(ListLeasesResponseSchema, listed, () =>
      found.length === 0 ? 'No leases.' : leaseTable(found, clock.now()),
    );
    if (pageToken !== '') out.note(`There are more than ${limit}; --limit shows more.`);
    return exitCode.ok;
  },
});

function leaseTable(found: readonly Lease[], now: number): string {
  return table(
    ['LEASE', 'SESSION', 'NAME', 'HOLDER', 'ENDS UNLESS RENEWED', 'SINCE', 'ACCESS', 'REVOKED'],
    found.map((lease) => [
      lease.leaseId,
      String(lease.sessionId),
      lease.sessionName,
      lease.holder,
      moment(lease.expireTime, now),
      moment(lease.acquireTime, now),
      nameOf(accessNames, lease.access),
      moment(lease.drainTime, now),
    ]),
  );
}

import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import type { Pool } from '../pool.ts';
import { readFloodWaitReport } from './requests.ts';
import { reportFloodWait } from './store.ts';

export function waitRoutes(pool: Pool): Pick<Handlers<typeof SessionPoolService>, 'reportFloodWait'> {
  return {
    async reportFloodWait(message, { principal }) {
      const report = readFloodWaitReport(message, principal);
      const { sessionId, endTime } = await reportFloodWait(pool, report);
      const { method, peer } = report;
      return { floodWait: { sessionId, method, peer, endTime: timestampFromDate(endTime) } };
    },
  };
}

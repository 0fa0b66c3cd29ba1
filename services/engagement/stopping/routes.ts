import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { KillSwitchSchema } from '#gen/telegate/engagement/v1/campaign_pb.ts';
import {
  KillSwitchScope,
  type EngagementService,
} from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { requireOperator } from '#lib/auth/scopes.ts';
import { withRetry } from '#lib/postgres/transaction.ts';
import { oneOf, text, throwIfAny } from '#lib/requests/validate.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import type { Engagement } from '../engagement.ts';
import { readSwitches, setSwitch, type SwitchRow } from './store.ts';

export type StoppingHandlers = Pick<Handlers<typeof EngagementService>, 'setKillSwitch' | 'getKillSwitch'>;

const SCOPES = [KillSwitchScope.TENANT, KillSwitchScope.MESH] as const;
const LONGEST_REASON = 256;

export function stoppingRoutes({ database, wakeRelay, log }: Engagement): StoppingHandlers {
  return {
    async setKillSwitch(request, { principal }) {
      const violations: FieldViolation[] = [];
      oneOf(violations, 'scope', request.scope, SCOPES, "send the tenant's or the mesh's");
      const reason = text(violations, 'reason', request.reason, { max: LONGEST_REASON });
      throwIfAny(violations);
      const isOfMesh = request.scope === KillSwitchScope.MESH;
      if (isOfMesh) requireOperator(principal);
      const { tenantId, subject } = principal;
      const scope = isOfMesh ? 'mesh' : 'tenant';
      const { row, paused } = await setSwitch(database, {
        scope,
        isOn: request.on,
        reason,
        tenantId,
        subject,
      });
      wakeRelay();
      log.warn(
        {
          kind: 'audit',
          action: 'set_kill_switch',
          scope,
          on: request.on,
          subject,
          tenant_id: tenantId,
          paused,
        },
        request.on ? 'engagement was stopped' : 'engagement may go on',
      );
      return { killSwitch: switchMessage(row), pausedCount: paused };
    },

    async getKillSwitch(_request, { principal }) {
      const { tenant, mesh } = await withRetry(() => readSwitches(database.kysely, principal.tenantId));
      return { tenant: switchMessage(tenant), mesh: switchMessage(mesh) };
    },
  };
}

function switchMessage(row: SwitchRow | undefined): MessageInitShape<typeof KillSwitchSchema> {
  if (row === undefined) return {};
  return {
    on: row.is_on,
    reason: row.reason,
    subject: row.subject,
    // Before anybody set it there is only its row.
    ...(row.subject === '' ? {} : { setTime: timestampFromDate(row.set_time) }),
  };
}

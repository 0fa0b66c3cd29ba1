import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { ProxySchema } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import {
  ResolveEgressResponseSchema,
  type ProxyRegistryService,
  type ResolveEgressRequest,
  type ResolveEgressResponse,
} from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { createBatcher } from '#lib/batching/batcher.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import * as validate from '#lib/requests/validate.ts';
import { allowDirect } from '../assignments/change.ts';
import { readOccupant } from '../assignments/routes.ts';
import { proxyMessage } from '../proxies/model.ts';
import { HOLD_TTL_MS, type Registry } from '../registry.ts';
import { holdEgress } from './holds.ts';
import { resolveAll, type EgressRequest, type GrantedEgress } from './resolve.ts';

const REQUESTS_A_BATCH = 256;
const HOLDS_A_CALL = 10_000;

export type EgressHandlers = Pick<
  Handlers<typeof ProxyRegistryService>,
  'resolveEgress' | 'holdEgress' | 'allowDirect'
>;

export function egressRoutes(registry: Registry): EgressHandlers {
  const resolves = createBatcher({
    name: 'proxy.resolve',
    run: (requests: readonly EgressRequest[]) => resolveAll(registry, requests),
    maxItems: REQUESTS_A_BATCH,
    gatherMs: 0,
    clock: registry.clock,
  });
  return {
    async resolveEgress(request, { principal: { tenantId } }) {
      const outcome = await resolves.submit(readResolve(request, tenantId));
      if ('error' in outcome) throw outcome.error;
      return egressMessage(outcome.egress);
    },

    async holdEgress(request) {
      const violations: FieldViolation[] = [];
      const processId = validate.text(violations, 'process_id', request.processId, { min: 1, max: 128 });
      const held = holdIds(violations, 'hold_ids', request.holdIds);
      const closed = holdIds(violations, 'closed_hold_ids', request.closedHoldIds);
      validate.throwIfAny(violations);
      return {
        lostHoldIds: await holdEgress(registry, processId, { held, closed }),
        holdTtl: durationFromMs(HOLD_TTL_MS),
      };
    },

    async allowDirect(request, { principal: { tenantId, subject } }) {
      const violations: FieldViolation[] = [];
      const occupant = readOccupant(violations, request, tenantId);
      validate.throwIfAny(violations);
      await allowDirect(registry, subject, occupant, request.allowed);
      return {};
    },
  };
}

function readResolve(request: ResolveEgressRequest, tenantId: string): EgressRequest {
  const violations: FieldViolation[] = [];
  const accountId =
    request.accountId === '' ? null : validate.uuid(violations, 'account_id', request.accountId);
  const sessionId = validate.sessionId(violations, 'session_id', request.sessionId, { optional: true });
  const proxyId = request.proxyId === '' ? undefined : validate.uuid(violations, 'proxy_id', request.proxyId);
  const processId = validate.text(violations, 'process_id', request.processId, { min: 1, max: 128 });
  validate.throwIfAny(violations);
  return {
    tenantId,
    accountId,
    sessionId: sessionId === 0n ? null : sessionId,
    proxyId,
    processId,
    allowDirect: request.allowDirect,
  };
}

function holdIds(violations: FieldViolation[], field: string, values: readonly string[]): string[] {
  if (values.length > HOLDS_A_CALL) {
    violations.push({ field, description: `has ${values.length} holds; send at most ${HOLDS_A_CALL}` });
    return [];
  }
  return [...new Set(values.map((value, index) => validate.uuid(violations, `${field}[${index}]`, value)))];
}

function egressMessage({ proxy, password, holdId, expireTime }: GrantedEgress): ResolveEgressResponse {
  return create(ResolveEgressResponseSchema, {
    egress: proxy
      ? { case: 'proxy', value: create(ProxySchema, { ...proxyMessage(proxy), password: password ?? '' }) }
      : { case: 'direct', value: {} },
    pinnedAddress: proxy?.pinned_address ?? '',
    expireTime: timestampFromDate(expireTime),
    holdId,
    holdTtl: durationFromMs(HOLD_TTL_MS),
  });
}

import { sql, type SqlBool } from 'kysely';
import { AssignmentPolicy, AssignmentState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import {
  AssignProxyRequestSchema,
  type AssignProxyRequest,
  type ListAssignmentsRequest,
  type ProxyRegistryService,
} from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import type { Principal } from '#lib/auth/principal.ts';
import { createBatcher } from '#lib/batching/batcher.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import { pageToken, readPageToken } from '#lib/requests/page-token.ts';
import { replayKey } from '#lib/requests/replay.ts';
import * as validate from '#lib/requests/validate.ts';
import { rowsThatFit } from '../proxies/model.ts';
import { country } from '../proxies/requests.ts';
import type { Registry } from '../registry.ts';
import { assignAll, type AssignRequest } from './assign.ts';
import { releaseAssignment } from './change.ts';
import { assignmentMessage } from './model.ts';
import { placeOf, type AssignmentFilter, type Occupant, type PlaceRow } from './store.ts';

const REQUESTS_A_BATCH = 256;
const POLICIES = Object.values(AssignmentPolicy);
const STATES = Object.values(AssignmentState);

export type AssignmentHandlers = Pick<
  Handlers<typeof ProxyRegistryService>,
  'assignProxy' | 'releaseAssignment' | 'listAssignments'
>;

export function assignmentRoutes(registry: Registry): AssignmentHandlers {
  const assigns = createBatcher({
    name: 'proxy.assign',
    run: (requests: readonly AssignRequest[]) => assignAll(registry, requests),
    maxItems: REQUESTS_A_BATCH,
    gatherMs: 0,
    clock: registry.clock,
  });
  return {
    async assignProxy(request, { principal }) {
      const outcome = await assigns.submit(readAssign(request, principal));
      if ('error' in outcome) throw outcome.error;
      return outcome.answer;
    },

    async releaseAssignment(request, { principal: { tenantId, subject } }) {
      const violations: FieldViolation[] = [];
      const occupant = readOccupant(violations, request, tenantId);
      validate.throwIfAny(violations);
      await releaseAssignment(registry, subject, occupant);
      return {};
    },

    async listAssignments(request, { principal: { tenantId } }) {
      const { filter, filterId, limit, after } = readList(request, tenantId);
      const rows = await listAssignments(registry, { tenantId, filter, after, limit: limit + 1 });
      const shown = rows.slice(0, rowsThatFit(rows.slice(0, limit)));
      const last = shown.at(-1);
      return {
        assignments: shown.map((row) => assignmentMessage(placeOf(row), row.in_use)),
        nextPageToken: last && shown.length < rows.length ? pageToken(filterId, last.ordinal) : '',
      };
    },
  };
}

/** The account, its session, or both. */
export function readOccupant(
  violations: FieldViolation[],
  request: { accountId: string; sessionId: bigint },
  tenantId: string,
): Occupant {
  const accountId =
    request.accountId === '' ? null : validate.uuid(violations, 'account_id', request.accountId);
  const sessionId = validate.sessionId(violations, 'session_id', request.sessionId, { optional: true });
  if (accountId === null && sessionId === 0n)
    violations.push({ field: 'account_id', description: 'is missing; send it, or session_id' });
  return { tenantId, accountId, sessionId: sessionId === 0n ? null : sessionId };
}

function readAssign(request: AssignProxyRequest, principal: Principal): AssignRequest {
  const violations: FieldViolation[] = [];
  const occupant = readOccupant(violations, request, principal.tenantId);
  const proxyId = request.proxyId === '' ? undefined : validate.uuid(violations, 'proxy_id', request.proxyId);
  const policy = validate.oneOf(
    violations,
    'policy',
    request.policy,
    POLICIES,
    'send a policy that AssignmentPolicy names, or none',
  );
  const labels = validate.labels(violations, 'labels', request.labels, { max: validate.LABELS_A_SELECTOR });
  const wantedCountry = country(violations, 'country', request.country);
  if (proxyId !== undefined && (wantedCountry !== '' || Object.keys(labels).length > 0))
    violations.push({ field: 'proxy_id', description: 'names a proxy; leave out labels and country, or it' });
  validate.requestId(violations, 'request_id', request.requestId);
  validate.throwIfAny(violations);
  return {
    ...occupant,
    proxyId,
    policy: policy === AssignmentPolicy.UNSPECIFIED ? undefined : policy,
    fit: proxyId === undefined ? { labels, country: wantedCountry } : undefined,
    subject: principal.subject,
    replay: replayKey(principal, 'AssignProxy', request.requestId, AssignProxyRequestSchema, request),
  };
}

function readList(request: ListAssignmentsRequest, tenantId: string) {
  const violations: FieldViolation[] = [];
  const sessionId = validate.sessionId(violations, 'session_id', request.sessionId, { optional: true });
  const filter: AssignmentFilter = {
    proxyId: request.proxyId === '' ? null : validate.uuid(violations, 'proxy_id', request.proxyId),
    accountId: request.accountId === '' ? null : validate.uuid(violations, 'account_id', request.accountId),
    sessionId: sessionId === 0n ? null : sessionId,
    state: validate.oneOf(
      violations,
      'state',
      request.state,
      STATES,
      'send a state that AssignmentState names, or none',
    ),
  };
  const filterId = ['ListAssignments', tenantId, filter];
  const limit = validate.pageSize(violations, 'page_size', request.pageSize);
  const after = readPageToken(violations, 'page_token', request.pageToken, filterId);
  validate.throwIfAny(violations);
  return { filter, filterId, limit, after };
}

async function listAssignments(
  registry: Registry,
  options: { tenantId: string; filter: AssignmentFilter; after: bigint; limit: number },
): Promise<(PlaceRow & { in_use: boolean })[]> {
  const { tenantId, filter, after, limit } = options;
  const conditions = [
    sql<SqlBool>`assignments.tenant_id = ${tenantId}::uuid`,
    sql<SqlBool>`assignments.ordinal > ${after}`,
  ];
  if (filter.proxyId !== null) conditions.push(sql`assignments.proxy_id = ${filter.proxyId}::uuid`);
  if (filter.accountId !== null) conditions.push(sql`assignments.account_id = ${filter.accountId}::uuid`);
  if (filter.sessionId !== null) conditions.push(sql`assignments.session_id = ${filter.sessionId}`);
  if (filter.state !== AssignmentState.UNSPECIFIED) conditions.push(sql`assignments.state = ${filter.state}`);
  const { rows } = await sql<PlaceRow & { in_use: boolean }>`
    select assignments.*, exists (
      select from holds
      where holds.assignment_id = assignments.assignment_id and expire_time > clock_timestamp()
    ) as in_use
    from assignments where ${sql.join(conditions, sql` and `)}
    order by assignments.ordinal limit ${limit}`.execute(registry.database.kysely);
  return rows;
}

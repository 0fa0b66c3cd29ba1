import { SessionFormat } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { SessionSource, SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import {
  ImportSessionRequestSchema,
  type ImportSessionRequest,
  type ListSessionsRequest,
  type SessionPoolService,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { Principal } from '#lib/auth/principal.ts';
import { hasScope, requireScope } from '#lib/auth/scopes.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import { parseMaterial } from '#lib/telegram/material/detect.ts';
import { pageToken, readPageToken } from '#lib/requests/page-token.ts';
import type { Pool } from '../pool.ts';
import { replayKey } from '#lib/requests/replay.ts';
import * as validate from '#lib/requests/validate.ts';
import { invalidateSession, restoreSession } from './condition.ts';
import { materialFormat } from './credentials.ts';
import { exportSession } from './export.ts';
import { importSession } from './import.ts';
import { conditionStates, rowsThatFit, sessionMessage, type SessionRow } from './model.ts';
import { removeSession } from './removal.ts';
import { listSessions, readSession } from './store.ts';
import { updateSession } from './update.ts';

export type SessionHandlers = Pick<
  Handlers<typeof SessionPoolService>,
  | 'listSessions'
  | 'getSession'
  | 'updateSession'
  | 'importSession'
  | 'exportSession'
  | 'deleteSession'
  | 'invalidateSession'
  | 'restoreSession'
>;

const MATERIAL_BYTES = 1024 * 1024;
const REASON_LENGTH = 256;
const PRODUCTION = 'telegram';

const STATES = Object.values(SessionState);
const FORMATS = Object.values(SessionFormat);
const IMPORT_SOURCES = [SessionSource.UNSPECIFIED, SessionSource.IMPORT, SessionSource.LOGIN];

export function sessionRoutes(pool: Pool): SessionHandlers {
  const message = (row: SessionRow) => sessionMessage(row, pool.settings.quarantineMs);
  return {
    async listSessions(request, { principal: { tenantId } }) {
      const { filter, filterId, after, limit } = readList(request, tenantId);
      const rows = await listSessions(pool.database.kysely, { tenantId, filter, after, limit: limit + 1 });
      const shown = rows.slice(0, rowsThatFit(rows.slice(0, limit)));
      const last = shown.at(-1);
      return {
        sessions: shown.map(message),
        nextPageToken: last && shown.length < rows.length ? pageToken(filterId, last.session_id) : '',
      };
    },

    async getSession(request, { principal }) {
      const violations: FieldViolation[] = [];
      const sessionId = validate.sessionId(violations, 'session_id', request.sessionId, { optional: true });
      const name = validate.sessionNameWanted(violations, 'name', request.name);
      if (sessionId === 0n && name === '')
        violations.push({ field: 'session_id', description: 'is missing; send it, or a name' });
      validate.throwIfAny(violations);
      const which = sessionId === 0n ? { name } : { sessionId };
      return { session: message(await readSession(pool.database.kysely, principal.tenantId, which)) };
    },

    async updateSession(request, { principal }) {
      const { session, updateMask } = request;
      const violations: FieldViolation[] = [];
      const sessionId = validate.sessionId(violations, 'session.session_id', session?.sessionId ?? 0n);
      const etag = validate.text(violations, 'session.etag', session?.etag ?? '', { max: 64 });
      const paths = changedFields(violations, updateMask?.paths ?? [], principal);
      const labels = validate.labels(violations, 'session.labels', session?.labels ?? {}, {
        max: validate.LABELS_A_SESSION,
      });
      const { accountId = '', paused = false } = session ?? {};
      if (accountId !== '') validate.uuid(violations, 'session.account_id', accountId);
      validate.throwIfAny(violations);
      const changed = await updateSession(pool, {
        tenantId: principal.tenantId,
        sessionId,
        etag,
        ...(paths.has('labels') ? { labels } : {}),
        ...(paths.has('account_id') ? { accountId: accountId.toLowerCase() } : {}),
        ...(paths.has('paused') ? { paused } : {}),
      });
      return { session: message(changed) };
    },

    async importSession(request, { principal }) {
      checkImport(request);
      const fromLogin = request.source === SessionSource.LOGIN;
      if (fromLogin || request.moved) requireScope(principal, 'mesh');
      const replay = replayKey(
        principal,
        'ImportSession',
        request.requestId,
        ImportSessionRequestSchema,
        request,
      );
      const { material } = parseMaterial(request.material, materialFormat(request.format));
      return importSession(
        pool,
        {
          tenantId: principal.tenantId,
          name: request.name,
          material,
          labels: request.labels,
          environment: request.environment || PRODUCTION,
          accountId: request.accountId.toLowerCase(),
          source: fromLogin ? 'login' : 'import',
          hasFile: false,
          isMoved: request.moved,
        },
        { subject: principal.subject, replay },
      );
    },

    async exportSession(request, { principal: { tenantId, subject } }) {
      const violations: FieldViolation[] = [];
      const sessionId = validate.sessionId(violations, 'session_id', request.sessionId);
      const format = checkFormat(violations, request.format);
      validate.throwIfAny(violations);
      return exportSession(pool, { tenantId, sessionId, format, subject });
    },

    async deleteSession(request, { principal: { tenantId, subject } }) {
      const sessionId = onlySessionId(request);
      await removeSession(pool, { tenantId, sessionId, force: request.force, subject });
      return {};
    },

    async invalidateSession(request, { principal: { tenantId, subject } }) {
      const violations: FieldViolation[] = [];
      const sessionId = validate.sessionId(violations, 'session_id', request.sessionId);
      const state = request.condition || SessionState.INVALID;
      const remedy = 'send INVALID, NEEDS_LOGIN, FROZEN or BANNED, or none for INVALID';
      validate.oneOf(violations, 'condition', state, conditionStates, remedy);
      const reason = validate.text(violations, 'reason', request.reason, { max: REASON_LENGTH });
      const lease = request.lease && validate.leaseProof(violations, 'lease', request.lease);
      validate.throwIfAny(violations);
      const row = await invalidateSession(pool, { tenantId, sessionId, state, reason, subject, lease });
      return { session: message(row) };
    },

    async restoreSession(request, { principal }) {
      const sessionId = onlySessionId(request);
      return { session: message(await restoreSession(pool, principal.tenantId, sessionId)) };
    },
  };
}

const OWN_FIELDS: readonly string[] = ['labels'];
const FIELDS: readonly string[] = ['labels', 'account_id', 'paused'];

function changedFields(
  violations: FieldViolation[],
  paths: readonly string[],
  principal: Principal,
): ReadonlySet<string> {
  const allowed = hasScope(principal, 'mesh') ? FIELDS : OWN_FIELDS;
  const named = new Set(paths.slice(0, FIELDS.length + 1));
  if (named.size === 0 || [...named].some((path) => !allowed.includes(path)))
    violations.push({ field: 'update_mask', description: 'must be labels, which alone can be changed' });
  return named;
}

function readList(request: ListSessionsRequest, tenantId: string) {
  const violations: FieldViolation[] = [];
  const filter = {
    state: validate.oneOf(
      violations,
      'state',
      request.state,
      STATES,
      'send a state that SessionState names, or none',
    ),
    labels: validate.labels(violations, 'labels', request.labels, { max: validate.LABELS_A_SESSION }),
    namePrefix: validate.sessionNameWanted(violations, 'name_prefix', request.namePrefix),
  };
  const filterId = ['ListSessions', tenantId, filter];
  const limit = validate.pageSize(violations, 'page_size', request.pageSize);
  const after = readPageToken(violations, 'page_token', request.pageToken, filterId);
  validate.throwIfAny(violations);
  return { filter, filterId, limit, after };
}

function checkImport(request: ImportSessionRequest): void {
  const violations: FieldViolation[] = [];
  const { material } = request;
  validate.sessionName(violations, 'name', request.name);
  if (material.length === 0)
    violations.push({ field: 'material', description: 'is missing; send a session string or file' });
  if (material.length > MATERIAL_BYTES)
    violations.push({
      field: 'material',
      description: `has ${material.length} bytes, at most ${MATERIAL_BYTES} are taken; send the session alone`,
    });
  checkFormat(violations, request.format);
  validate.labels(violations, 'labels', request.labels, { max: validate.LABELS_A_SESSION });
  validate.text(violations, 'environment', request.environment, { max: 64 });
  if (request.accountId !== '') validate.uuid(violations, 'account_id', request.accountId);
  validate.requestId(violations, 'request_id', request.requestId);
  validate.oneOf(violations, 'source', request.source, IMPORT_SOURCES, 'send IMPORT, or none');
  validate.throwIfAny(violations);
}

function checkFormat(violations: FieldViolation[], format: SessionFormat): SessionFormat {
  return validate.oneOf(
    violations,
    'format',
    format,
    FORMATS,
    'send a format that SessionFormat names, or none',
  );
}

function onlySessionId(request: { sessionId: bigint }): bigint {
  const violations: FieldViolation[] = [];
  const sessionId = validate.sessionId(violations, 'session_id', request.sessionId);
  validate.throwIfAny(violations);
  return sessionId;
}

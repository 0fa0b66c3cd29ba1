import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect } from 'vitest';
import type { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { SessionFormat } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import type { Session } from '#gen/telegate/session_pool/v1/session_pb.ts';
import * as requests from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { DomainError, InvalidFields } from '#lib/rpc/errors.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import type { Pool } from '../pool.ts';
import { sessionRoutes } from './routes.ts';
import { newTenant, telethonString } from './test-pool.ts';

export async function refusal(call: Promise<unknown>): Promise<DomainError> {
  const error: unknown = await call.then(
    () => new Error('the call succeeded'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof DomainError) return error;
  throw error;
}

export async function reasonOf(call: Promise<unknown>): Promise<ErrorReason> {
  return (await refusal(call)).reason;
}

export async function fieldsOf(call: Promise<unknown>): Promise<string[]> {
  const error = await refusal(call);
  expect(error).toBeInstanceOf(InvalidFields);
  return (error.fieldViolations ?? []).map(({ field }) => field);
}

/** The calls of this capability as a client makes them, less the wire. */
export function sessionCalls(pool: Pool) {
  const routes = sessionRoutes(pool);
  return {
    /** With a name and a key of its own unless the request has them. */
    async bringIn(
      ctx: CallContext,
      request: MessageInitShape<typeof requests.ImportSessionRequestSchema> = {},
    ): Promise<Session> {
      const filled = { name: `session ${newTenant()}`, material: telethonString(), ...request };
      const answer = await routes.importSession(create(requests.ImportSessionRequestSchema, filled), ctx);
      return answer.session as Session;
    },
    async get(ctx: CallContext, sessionId: bigint): Promise<Session> {
      const answer = await routes.getSession(create(requests.GetSessionRequestSchema, { sessionId }), ctx);
      return answer.session as Session;
    },
    async read(
      ctx: CallContext,
      request: MessageInitShape<typeof requests.GetSessionRequestSchema>,
    ): Promise<Session> {
      const answer = await routes.getSession(create(requests.GetSessionRequestSchema, request), ctx);
      return answer.session as Session;
    },
    async list(ctx: CallContext, request: MessageInitShape<typeof requests.ListSessionsRequestSchema> = {}) {
      const answer = await routes.listSessions(create(requests.ListSessionsRequestSchema, request), ctx);
      return answer as requests.ListSessionsResponse;
    },
    async update(
      ctx: CallContext,
      request: MessageInitShape<typeof requests.UpdateSessionRequestSchema>,
    ): Promise<Session> {
      const answer = await routes.updateSession(create(requests.UpdateSessionRequestSchema, request), ctx);
      return answer.session as Session;
    },
    async exportKey(
      ctx: CallContext,
      sessionId: bigint,
      format: SessionFormat = SessionFormat.UNSPECIFIED,
    ): Promise<requests.ExportSessionResponse> {
      const request = create(requests.ExportSessionRequestSchema, { sessionId, format });
      return (await routes.exportSession(request, ctx)) as requests.ExportSessionResponse;
    },
    async remove(ctx: CallContext, sessionId: bigint, force = false): Promise<void> {
      await routes.deleteSession(create(requests.DeleteSessionRequestSchema, { sessionId, force }), ctx);
    },
    async invalidate(
      ctx: CallContext,
      sessionId: bigint,
      more: MessageInitShape<typeof requests.InvalidateSessionRequestSchema> = {},
    ): Promise<Session> {
      const request = create(requests.InvalidateSessionRequestSchema, { sessionId, ...more });
      return (await routes.invalidateSession(request, ctx)).session as Session;
    },
    async restore(ctx: CallContext, sessionId: bigint): Promise<Session> {
      const request = create(requests.RestoreSessionRequestSchema, { sessionId });
      return (await routes.restoreSession(request, ctx)).session as Session;
    },
  };
}

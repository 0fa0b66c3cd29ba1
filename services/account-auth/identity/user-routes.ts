import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  RegisterRequestSchema,
  RegisterResponseSchema,
  type IdentityService,
  type RegisterRequest,
} from '#gen/telegate/account_auth/v1/identity_service_pb.ts';
import type { MeshTokenVerifier } from '#lib/auth/mesh-token.ts';
import { AlreadyExists, PermissionDenied, RequestIdReused, type FieldViolation } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { findAnswers, replayKey, saveAnswers, type ReplayKey } from '#lib/requests/replay.ts';
import * as validate from '#lib/requests/validate.ts';
import { attemptSubject, countAttempts } from './attempts.ts';
import { callerAddress } from './caller-address.ts';
import { requireUser } from './caller.ts';
import * as fields from './fields.ts';
import type { Identity } from './identity.ts';
import { invitationMessage, userMessage } from './messages.ts';
import { createInvitation, findUser, findUserByEmail, register } from './users.ts';

const TENANT_NAME_LENGTH = 128;
const INVITATION_TTL = { minMs: 60_000, maxMs: 30 * 86_400_000, absentMs: 7 * 86_400_000 };

export function userRoutes(
  identity: Identity,
  tokens: MeshTokenVerifier,
): Pick<Handlers<typeof IdentityService>, 'register' | 'createInvitation'> {
  const { database, settings, passwords } = identity;
  const addressOf = callerAddress(tokens);

  return {
    async register(request, ctx) {
      const { email, password, tenantName, invitation, replay } = readRegister(request);
      const repeated = await earlierAnswer(identity, replay, email, password);
      if (repeated) return repeated;
      const attempt = {
        kind: 'registration' as const,
        subject: attemptSubject(await addressOf(ctx)),
        limit: settings.attempts.registrationsPerAddress,
      };
      await countAttempts(identity, [attempt], settings.attempts.windowMs);
      const passwordHash = await passwords.hash(password);
      try {
        return await transaction(database, async (trx) => {
          const user = await register(trx, identity, { email, passwordHash, tenantName, invitation });
          const answer = create(RegisterResponseSchema, { user: userMessage(user) });
          if (replay)
            await saveAnswers(trx, [{ key: replay, answer: toBinary(RegisterResponseSchema, answer) }]);
          return answer;
        });
      } catch (error) {
        // The same request may have been first: then the address is taken, and the invitation used, by it.
        const meanwhile = await earlierAnswer(identity, replay, email, password);
        if (meanwhile) return meanwhile;
        throw error;
      }
    },

    async createInvitation(request, { principal }) {
      const userId = requireUser(principal);
      const violations: FieldViolation[] = [];
      const email = request.email === '' ? '' : fields.email(violations, 'email', request.email);
      const ttlMs = validate.durationMs(violations, 'ttl', request.ttl, INVITATION_TTL);
      validate.throwIfAny(violations);
      const user = await findUser(database.kysely, userId);
      const isOwner = user?.owner === true && user.tenant_id === principal.tenantId;
      if (!isOwner && principal.role !== 'operator')
        throw new PermissionDenied({ role: 'owner' }, "Only the tenant's owner may invite others to it.");
      const { tenantId, subject: creator } = principal;
      const { row, secret } = await createInvitation(identity, { tenantId, creator, email, ttlMs });
      return { invitation: invitationMessage(row), secret };
    },
  };
}

interface RegisterFields {
  email: string;
  password: string;
  tenantName: string;
  invitation: string;
  replay: ReplayKey | undefined;
}

function readRegister(request: RegisterRequest): RegisterFields {
  const violations: FieldViolation[] = [];
  const email = fields.email(violations, 'email', request.email);
  const password = fields.newPassword(violations, 'password', request.password, email);
  const tenantName = validate.text(violations, 'tenant_name', request.tenantName, {
    max: TENANT_NAME_LENGTH,
  });
  const invitation =
    request.invitation === '' ? '' : fields.secret(violations, 'invitation', request.invitation);
  const requestId = validate.requestId(violations, 'request_id', request.requestId);
  validate.throwIfAny(violations);
  // A quick hash of a password must not be kept anywhere: whether a repeat has the same is asked of its user.
  const kept = create(RegisterRequestSchema, { ...request, email, password: '' });
  const caller = { tenantId: 'public', subject: email };
  const replay = replayKey(caller, 'Register', requestId, RegisterRequestSchema, kept);
  return { email, password, tenantName: tenantName || email, invitation, replay };
}

/** The answer that the same request was given before. */
async function earlierAnswer(
  { database, passwords }: Identity,
  replay: ReplayKey | undefined,
  email: string,
  password: string,
) {
  if (!replay) return undefined;
  const found = (await findAnswers(database.kysely, [replay])).get(replay);
  if (found === undefined) return undefined;
  if (found instanceof RequestIdReused) throw found;
  const user = await findUserByEmail(database.kysely, email);
  if (!(await passwords.verify(user?.password_hash, password))) throw new AlreadyExists('user', email);
  return fromBinary(RegisterResponseSchema, found);
}

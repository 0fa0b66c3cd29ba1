import { sql } from 'kysely';
import type { IdentityService } from '#gen/telegate/account_auth/v1/identity_service_pb.ts';
import type { MeshTokenVerifier } from '#lib/auth/mesh-token.ts';
import { PermissionDenied, Unauthenticated, type FieldViolation } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import * as validate from '#lib/requests/validate.ts';
import { attemptSubject, countAttempts, takeBack } from './attempts.ts';
import { callerAddress } from './caller-address.ts';
import { requireUser } from './caller.ts';
import * as fields from './fields.ts';
import type { Identity } from './identity.ts';
import { endLogins, refresh, startLogin } from './logins.ts';
import { tokensMessage, userMessage } from './messages.ts';
import { findUser, findUserByEmail, setPassword } from './users.ts';

export function loginRoutes(
  identity: Identity,
  tokens: MeshTokenVerifier,
): Pick<Handlers<typeof IdentityService>, 'login' | 'refreshTokens' | 'logout' | 'changePassword'> {
  const { database, passwords, settings } = identity;
  const { perUser, perAddress, windowMs } = settings.attempts;
  const addressOf = callerAddress(tokens);

  return {
    async login(request, ctx) {
      const violations: FieldViolation[] = [];
      const email = fields.email(violations, 'email', request.email);
      const password = fields.givenPassword(violations, 'password', request.password);
      validate.throwIfAny(violations);
      const address = attemptSubject(await addressOf(ctx));
      const attempts = [
        { kind: 'address' as const, subject: address, limit: perAddress },
        { kind: 'user' as const, subject: email, limit: perUser },
      ];
      await countAttempts(identity, attempts, windowMs);
      const user = await findUserByEmail(database.kysely, email);
      const isRight = await passwords.verify(user?.password_hash, password);
      if (!user || !isRight) throw new Unauthenticated('The e-mail address or the password is wrong.');
      await takeBack(identity, { user: email, address });
      return { tokens: tokensMessage(await startLogin(identity, user)), user: userMessage(user) };
    },

    async refreshTokens(request) {
      const violations: FieldViolation[] = [];
      const token = fields.secret(violations, 'refresh_token', request.refreshToken);
      validate.throwIfAny(violations);
      return { tokens: tokensMessage(await refresh(identity, token)) };
    },

    async logout({ everywhere }, { principal }) {
      const userId = requireUser(principal);
      const { loginId } = principal;
      if (loginId === undefined && !everywhere)
        throw new PermissionDenied(
          { role: 'user' },
          'The token came from no login. End all with everywhere.',
        );
      const own = sql`user_id = ${userId}::uuid`;
      const which = everywhere ? own : sql`${own} and login_id = ${loginId!}::uuid`;
      await transaction(database, (trx) => endLogins(trx, which, 'logout'));
      identity.wakeRelay();
      return {};
    },

    async changePassword(request, { principal }) {
      const userId = requireUser(principal);
      const user = await findUser(database.kysely, userId);
      if (!user) throw new Unauthenticated();
      const violations: FieldViolation[] = [];
      const current = fields.givenPassword(violations, 'current_password', request.currentPassword);
      const next = fields.newPassword(violations, 'new_password', request.newPassword, user.email);
      validate.throwIfAny(violations);
      await countAttempts(identity, [{ kind: 'user', subject: user.email, limit: perUser }], windowMs);
      if (!(await passwords.verify(user.password_hash, current)))
        throw new Unauthenticated('The current password is wrong.');
      const hash = await passwords.hash(next);
      await transaction(database, async (trx) => {
        await setPassword(trx, user, hash);
        const others = sql`user_id = ${userId}::uuid and login_id is distinct from ${principal.loginId ?? null}::uuid`;
        await endLogins(trx, others, 'password_changed');
      });
      identity.wakeRelay();
      await takeBack(identity, { user: user.email });
      return {};
    },
  };
}

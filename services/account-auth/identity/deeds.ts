import type { IdentityService } from '#gen/telegate/account_auth/v1/identity_service_pb.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import { withDeeds } from '#lib/rpc/deeds.ts';
import type { Logger } from '#lib/telemetry/log.ts';

type IdentityHandlers = Handlers<typeof IdentityService>;

/** What happens to users, logins and keys is told in the log. Addresses are not: whom it was about, its id says. */
export function tellingIdentity(log: Logger, handlers: IdentityHandlers): IdentityHandlers {
  return withDeeds<IdentityHandlers>(
    log,
    'auth',
    {
      register: { event: 'user_registered', about: (_, answer) => userOf(answer?.user) },
      login: { event: 'user_login', about: (_, answer) => userOf(answer?.user) },
      refreshTokens: { event: 'token_refresh' },
      logout: { event: 'user_logout', about: ({ everywhere }) => ({ everywhere }) },
      changePassword: { event: 'password_change' },
      createInvitation: { event: 'user_invited' },
      createApiKey: { event: 'api_key_created', about: (_, answer) => ({ key_id: answer?.apiKey?.keyId }) },
      revokeApiKey: { event: 'api_key_revoked', about: ({ keyId }) => ({ key_id: keyId.slice(0, 64) }) },
    },
    handlers,
  );
}

function userOf(
  user: { userId?: string; tenantId?: string } | undefined,
): Record<string, string | undefined> {
  return user ? { user_id: user.userId, tenant_id: user.tenantId } : {};
}

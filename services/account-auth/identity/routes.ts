import { IdentityService } from '#gen/telegate/account_auth/v1/identity_service_pb.ts';
import type { MeshTokenVerifier } from '#lib/auth/mesh-token.ts';
import { implement, type Implementation } from '#lib/rpc/implement.ts';
import { tellingIdentity } from './deeds.ts';
import { keyRoutes } from './key-routes.ts';
import type { Identity } from './identity.ts';
import { loginRoutes } from './login-routes.ts';
import { userRoutes } from './user-routes.ts';

export function identityRoutes(identity: Identity, tokens: MeshTokenVerifier): Implementation {
  return implement(
    IdentityService,
    tellingIdentity(identity.log, {
      ...userRoutes(identity, tokens),
      ...loginRoutes(identity, tokens),
      ...keyRoutes(identity),
    }),
    {
      register: 'public',
      login: 'public',
      refreshTokens: 'public',
      logout: 'authenticated',
      changePassword: 'authenticated',
      getMe: 'authenticated',
      createInvitation: 'authenticated',
      createApiKey: 'authenticated',
      listApiKeys: 'authenticated',
      revokeApiKey: 'authenticated',
      verifyApiKey: 'mesh',
      getJwks: 'public',
    },
  );
}

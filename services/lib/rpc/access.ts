import type { Authenticated, Credentials } from '#lib/auth/authenticate.ts';
import { anonymous, type Principal } from '#lib/auth/principal.ts';
import { requireAccess, type Access } from '#lib/auth/scopes.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { InvalidFields, PermissionDenied } from './errors.ts';

interface AccessedCall {
  readonly method: string;
  readonly metadata: Credentials;
  readonly traceId: string;
  readonly peer: string;
}

export const publicAccess: Authenticated = { principal: anonymous };

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The last word on whether a known caller may make this call, and for which tenant. */
export function permit(
  authenticated: Authenticated,
  access: Access,
  call: AccessedCall,
  log: Logger,
): Authenticated {
  requireAccess(authenticated.principal, access);
  const wantedTenant = call.metadata.get('x-tenant-id');
  if (wantedTenant === undefined || wantedTenant === authenticated.principal.tenantId) return authenticated;
  const principal = crossTenants(authenticated.principal, wantedTenant);
  // A warning, so that it is written at every level that a deployment may run at.
  log.warn(
    {
      kind: 'audit',
      action: 'tenant_crossed',
      subject: principal.subject,
      home_tenant_id: principal.homeTenantId,
      tenant_id: principal.tenantId,
      method: call.method,
      peer: call.peer,
      trace_id: call.traceId,
    },
    'an operator acts for another tenant',
  );
  return { ...authenticated, principal };
}

function crossTenants(principal: Principal, tenantId: string): Principal {
  if (principal.role !== 'operator') {
    throw new PermissionDenied(
      { role: 'operator' },
      'Only an operator may act for another tenant (x-tenant-id).',
    );
  }
  if (!UUID.test(tenantId)) {
    const description = 'must be the id of a tenant: a UUID in lower case';
    throw new InvalidFields([{ field: 'metadata x-tenant-id', description }]);
  }
  return { ...principal, tenantId };
}

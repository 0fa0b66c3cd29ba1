export const scopes = [
  'pool:read',
  'pool:lease',
  'pool:credentials',
  'pool:admin',
  'account:read',
  'account:write',
  'message:read',
  'message:send',
  'proxy:read',
  'proxy:write',
  'engage:read',
  'engage:write',
  'mesh',
] as const;

export type Scope = (typeof scopes)[number];

export const roles = ['user', 'operator', 'service'] as const;

export type Role = (typeof roles)[number];

/** Who makes a call, and for which tenant. */
export interface Principal {
  /** The tenant that the call reads and changes. */
  readonly tenantId: string;
  /** `key:…`, `user:…` or `service:…`. */
  readonly subject: string;
  readonly role: Role;
  readonly scopes: ReadonlySet<Scope>;
  /** The tenant that the caller belongs to; another than `tenantId` only for an operator that crosses. */
  readonly homeTenantId: string;
  /** The login that the caller's token came from; absent for keys and services. */
  readonly loginId?: string;
  /** The service that carries the caller's call on. */
  readonly via?: string;
}

/** The caller of methods that need no credentials. */
export const anonymous: Principal = {
  tenantId: '',
  subject: 'anonymous',
  role: 'user',
  scopes: new Set<Scope>(),
  homeTenantId: '',
};

/** Everything but `mesh`, which only services have. */
export const operatorScopes: ReadonlySet<Scope> = new Set(scopes.filter((scope) => scope !== 'mesh'));

export function servicePrincipal(service: string, tenantId: string): Principal {
  return {
    tenantId,
    subject: `service:${service}`,
    role: 'service',
    scopes: new Set(scopes),
    homeTenantId: tenantId,
  };
}

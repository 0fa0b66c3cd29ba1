import type { Generated } from 'kysely';

export interface IdentityTables {
  tenants: { tenant_id: string; name: string; create_time: Generated<Date> };
  users: {
    user_id: string;
    tenant_id: string;
    email: string;
    role: 'user' | 'operator';
    owner: boolean;
    password_hash: string;
    create_time: Generated<Date>;
  };
  invitations: {
    invitation_id: string;
    tenant_id: string;
    secret_hash: Uint8Array;
    email: string;
    creator: string;
    expire_time: Date;
    create_time: Generated<Date>;
  };
  logins: {
    login_id: string;
    tenant_id: string;
    user_id: string;
    generation: Generated<number>;
    rotate_time: Generated<Date>;
    expire_time: Date;
    end_time: Date | null;
    end_reason: string | null;
    create_time: Generated<Date>;
  };
  api_keys: {
    position: Generated<bigint>;
    key_id: string;
    tenant_id: string;
    name: string;
    prefix: string;
    secret_hash: Uint8Array;
    scopes: string[];
    creator_id: string | null;
    expire_time: Date | null;
    last_used_time: Date | null;
    revoke_time: Date | null;
    create_time: Generated<Date>;
  };
  token_keys: {
    key_id: string;
    purpose: 'access' | 'refresh';
    public_key: unknown;
    master_key_version: number;
    wrapped_key: Uint8Array;
    ciphertext: Uint8Array;
    active_time: Date;
    expire_time: Date | null;
    create_time: Generated<Date>;
  };
  attempts: { kind: string; subject: string; count: number; end_time: Date };
  audit: {
    audit_id: Generated<bigint>;
    tenant_id: string;
    subject: string;
    action: string;
    entity_id: string;
    detail: Generated<unknown>;
    audit_time: Generated<Date>;
  };
}

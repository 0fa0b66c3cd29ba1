import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate, type Timestamp } from '@bufbuild/protobuf/wkt';
import {
  Role,
  type ApiKeySchema,
  type InvitationSchema,
  type TokenPairSchema,
  type UserSchema,
} from '#gen/telegate/account_auth/v1/identity_pb.ts';
import { ACCESS_TTL_MS } from '#lib/auth/access-token.ts';
import type { ApiKeyRow } from './api-keys.ts';
import type { LoginUser, Tokens } from './logins.ts';
import type { InvitationRow } from './users.ts';

export const roleOf = { user: Role.USER, operator: Role.OPERATOR, service: Role.SERVICE } as const;

export function userMessage(user: LoginUser): MessageInitShape<typeof UserSchema> {
  return {
    userId: user.user_id,
    tenantId: user.tenant_id,
    email: user.email,
    role: roleOf[user.role],
    owner: user.owner,
    createTime: timestampFromDate(user.create_time),
  };
}

export function tokensMessage(tokens: Tokens): MessageInitShape<typeof TokenPairSchema> {
  return {
    accessToken: tokens.accessToken,
    refreshToken: tokens.refreshToken,
    accessTtl: durationFromMs(ACCESS_TTL_MS),
    refreshExpireTime: timestampFromDate(tokens.refreshExpireTime),
  };
}

export function apiKeyMessage(row: ApiKeyRow): MessageInitShape<typeof ApiKeySchema> {
  return {
    keyId: row.key_id,
    tenantId: row.tenant_id,
    name: row.name,
    prefix: row.prefix,
    scopes: row.scopes,
    creatorId: row.creator_id ?? '',
    expireTime: time(row.expire_time),
    lastUsedTime: time(row.last_used_time),
    revokeTime: time(row.revoke_time),
    createTime: timestampFromDate(row.create_time),
  };
}

export function invitationMessage(row: InvitationRow): MessageInitShape<typeof InvitationSchema> {
  return {
    invitationId: row.invitation_id,
    tenantId: row.tenant_id,
    email: row.email,
    expireTime: timestampFromDate(row.expire_time),
    createTime: timestampFromDate(row.create_time),
  };
}

function time(date: Date | null): Timestamp | undefined {
  return date === null ? undefined : timestampFromDate(date);
}

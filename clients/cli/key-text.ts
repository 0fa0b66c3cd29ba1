import type { ApiKey } from '#gen/telegate/account_auth/v1/identity_pb.ts';
import { sheet, table } from './terminal/table.ts';
import { moment } from './terminal/times.ts';

export function keyTable(keys: readonly ApiKey[], now: number): string {
  return table(
    ['KEY', 'NAME', 'BEGINS', 'SCOPES', 'EXPIRES', 'LAST USED', 'REVOKED'],
    keys.map((key) => [
      key.keyId,
      key.name,
      key.prefix,
      key.scopes.join(' '),
      moment(key.expireTime, now),
      moment(key.lastUsedTime, now),
      moment(key.revokeTime, now),
    ]),
  );
}

export function keySheet(key: ApiKey, now: number): string {
  return sheet([
    ['id', key.keyId],
    ['name', key.name],
    ['scopes', key.scopes.join(' ')],
    ['expires', moment(key.expireTime, now)],
    ['revoked', moment(key.revokeTime, now)],
  ]);
}

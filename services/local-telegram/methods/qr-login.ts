import { RpcError } from '../rpc-error.ts';
import { encode } from '../tl.ts';
import type { Telegram } from '../telegram.ts';
import type { LoginToken } from '../logins.ts';
import type { Account } from '../world/state.ts';
import { accountOf, seconds } from '../world/world.ts';
import { authorizationTl, logInOrAskPassword } from './auth.ts';
import { method, type Caller, type Method } from './method.ts';

export const qrMethods: readonly Method[] = [
  method<{ api_id: number; except_ids: bigint[] }>(
    'auth.exportLoginToken',
    { isOpen: true },
    (query, caller) => {
      if (query.api_id <= 0) throw new RpcError('API_ID_INVALID');
      const { telegram, key, connection } = caller;
      const token = telegram.logins.tokenFor(key.id, connection.dataCenter, key.loginToken);
      key.loginToken = token.token.toString('hex');
      if (token.acceptedBy !== 0) return finish(caller, token);
      return { _: 'auth.loginToken', expires: seconds(token.expireTime), token: token.token };
    },
  ),
  method<{ token: Buffer }>('auth.importLoginToken', { isOpen: true }, (query, caller) => {
    const token = caller.telegram.logins.token(query.token);
    if (!token || token.acceptedBy === 0) throw new RpcError('AUTH_TOKEN_EXPIRED');
    return finish(caller, token);
  }),
  method<{ token: Buffer }>('auth.acceptLoginToken', { writes: true }, (query, caller) => {
    const { telegram, account, call } = caller;
    const accepted = acceptToken(telegram, query.token, account);
    if (accepted === 'expired') throw new RpcError('AUTH_TOKEN_EXPIRED');
    if (accepted === 'taken') throw new RpcError('AUTH_TOKEN_ALREADY_ACCEPTED');
    call.effect = true;
    return authorizationTl(caller, accepted.keyId, false);
  }),
];

/** Notes who accepted and tells the client that shows the token. */
export function acceptToken(
  telegram: Telegram,
  token: Buffer,
  account: Account,
): LoginToken | 'expired' | 'taken' {
  const known = telegram.logins.token(token);
  const key = known && telegram.key(known.keyId);
  if (!known || !key) return 'expired';
  if (known.acceptedBy !== 0) return 'taken';
  known.acceptedBy = account.id;
  const date = seconds(telegram.world.now());
  telegram.pushToKey(key, encode({ _: 'updateShort', update: { _: 'updateLoginToken' }, date }));
  return known;
}

function finish(caller: Caller, token: LoginToken): object {
  const { telegram, connection, world } = caller;
  const account = accountOf(world, token.acceptedBy);
  if (account.dataCenter !== connection.dataCenter)
    return { _: 'auth.loginTokenMigrateTo', dc_id: account.dataCenter, token: token.token };
  telegram.logins.dropToken(token.token);
  return { _: 'auth.loginTokenSuccess', authorization: logInOrAskPassword(caller, account) };
}

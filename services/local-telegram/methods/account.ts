import { AuthorizationEnd } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { GENERATOR, PRIME } from '../crypto/dh.ts';
import { RpcError } from '../rpc-error.ts';
import { accountOf } from '../world/world.ts';
import { authorizationTl } from './auth.ts';
import { method, type Caller, type Method } from './method.ts';

export const accountMethods: readonly Method[] = [
  method('account.getPassword', { isOpen: true }, (_: object, caller) => getPassword(caller)),
  method('account.updateStatus', { isEverywhere: true }, () => true),
  method('account.getAuthorizations', {}, (_: object, caller) => {
    const authorizations = [...caller.telegram.keysOf(caller.account.id)]
      .filter(({ dataCenter }) => dataCenter === caller.account.dataCenter)
      .map(({ id }) => authorizationTl(caller, id, id === caller.key.id));
    return { _: 'account.authorizations', authorization_ttl_days: 183, authorizations };
  }),
  method<{ hash: bigint }>('account.resetAuthorization', {}, ({ hash }, { telegram, account, call }) => {
    for (const key of telegram.keysOf(account.id)) {
      if (key.idBytes.readBigInt64LE() !== hash) continue;
      telegram.endAuthorization(key, AuthorizationEnd.REVOKED);
      call.effect = true;
      return true;
    }
    throw new RpcError('HASH_INVALID');
  }),
];

async function getPassword(caller: Caller): Promise<object> {
  const { telegram, key, world } = caller;
  const accountId = key.passwordPendingFor || telegram.accountOf(key)?.id;
  if (!accountId) throw new RpcError('AUTH_KEY_UNREGISTERED');
  const account = accountOf(world, accountId);
  const made = await telegram.logins.newChallenge(account);
  return {
    _: 'account.password',
    has_password: made !== undefined,
    current_algo: made && { ...algorithm, salt1: made.verifier.salt1, salt2: made.verifier.salt2 },
    srp_B: made?.challenge.publicNumber,
    srp_id: made?.challenge.id,
    hint: made && account.passwordHint !== '' ? account.passwordHint : undefined,
    new_algo: { ...algorithm, salt1: telegram.random(8), salt2: telegram.random(16) },
    new_secure_algo: {
      _: 'securePasswordKdfAlgoPBKDF2HMACSHA512iter100000',
      salt: telegram.random(8),
    },
    secure_random: telegram.random(256),
  };
}

const algorithm = {
  _: 'passwordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow',
  g: GENERATOR,
  p: PRIME,
};

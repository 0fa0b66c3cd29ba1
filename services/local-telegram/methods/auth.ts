import { AccountState, AuthorizationEnd, LoginCodeKind } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import type { TlObject } from '../codec/object.ts';
import { provesPassword } from '../crypto/srp.ts';
import { CODE_DIGITS } from '../logins.ts';
import { RpcError } from '../rpc-error.ts';
import { accountByPhone, normalPhone } from '../world/accounts.ts';
import { sendPrivate } from '../world/private-chats.ts';
import { userTl } from '../world/render.ts';
import { SERVICE_ACCOUNT_ID, type Account, type LoginCode } from '../world/state.ts';
import { accountOf, seconds } from '../world/world.ts';
import { method, type Caller, type Method } from './method.ts';

interface PhoneCode {
  phone_number: string;
  phone_code_hash: string;
}

export const authMethods: readonly Method[] = [
  method<{ phone_number: string; api_id: number; api_hash: string }>(
    'auth.sendCode',
    { isOpen: true },
    sendCode,
  ),
  method<PhoneCode>('auth.resendCode', { isOpen: true }, resendCode),
  method<PhoneCode>('auth.cancelCode', { isOpen: true }, ({ phone_number, phone_code_hash }, caller) => {
    const code = codeOf(caller, phone_number, phone_code_hash);
    caller.telegram.logins.dropCode(code.phone);
    return true;
  }),
  method<PhoneCode & { phone_code?: string }>('auth.signIn', { isOpen: true }, signIn),
  method('auth.signUp', { isOpen: true }, () => {
    throw new RpcError('PHONE_NUMBER_UNOCCUPIED');
  }),
  method<{ password: TlObject }>('auth.checkPassword', { isOpen: true }, checkPassword),
  method('auth.logOut', { isEverywhere: true }, (_: object, { telegram, key, call }) => {
    telegram.endAuthorization(key, AuthorizationEnd.LOGGED_OUT);
    call.effect = true;
    return { _: 'auth.loggedOut' };
  }),
  method<{ dc_id: number }>(
    'auth.exportAuthorization',
    { isEverywhere: true },
    ({ dc_id }, { telegram, account, connection }) => {
      const known = telegram.dataCenters.some(({ id }) => id === dc_id);
      if (!known || dc_id === connection.dataCenter) throw new RpcError('DC_ID_INVALID');
      return {
        _: 'auth.exportedAuthorization',
        id: BigInt(account.id),
        bytes: telegram.logins.exportTo(account.id, dc_id),
      };
    },
  ),
  method<{ id: bigint; bytes: Buffer }>(
    'auth.importAuthorization',
    { isOpen: true },
    ({ id, bytes }, caller) => {
      const { telegram, connection } = caller;
      if (!telegram.logins.takeExport(bytes, Number(id), connection.dataCenter))
        throw new RpcError('AUTH_BYTES_INVALID');
      return logIn(caller, accountOf(caller.world, Number(id)), { imported: true });
    },
  ),
  method('auth.bindTempAuthKey', { isOpen: true }, () => {
    throw new RpcError('ENCRYPTED_MESSAGE_INVALID');
  }),
  method('auth.resetAuthorizations', {}, (_: object, { telegram, account, key, call }) => {
    for (const other of telegram.keysOf(account.id))
      if (other !== key) telegram.endAuthorization(other, AuthorizationEnd.REVOKED);
    call.effect = true;
    return true;
  }),
];

function sendCode(query: { phone_number: string; api_id: number }, caller: Caller): TlObject {
  if (query.api_id <= 0) throw new RpcError('API_ID_INVALID');
  const account = accountForLogin(caller, query.phone_number);
  return newCode(caller, account, account.phone);
}

function accountForLogin(caller: Caller, phoneNumber: string): Account {
  const phone = normalPhone(phoneNumber);
  if (!/^\+[1-9]\d{6,14}$/.test(phone)) throw new RpcError('PHONE_NUMBER_INVALID');
  const account = accountByPhone(caller.world, phone);
  if (!account || account.isService) throw new RpcError('PHONE_NUMBER_INVALID');
  if (account.dataCenter !== caller.connection.dataCenter)
    throw new RpcError(`PHONE_MIGRATE_${account.dataCenter}`);
  if (account.state === AccountState.BANNED) throw new RpcError('PHONE_NUMBER_BANNED');
  return account;
}

function newCode(
  { telegram, world, key, call }: Caller,
  account: Account,
  phone: string,
  kind?: LoginCodeKind,
): TlObject {
  const chosen = kind ?? (telegram.keysOf(account.id).size > 0 ? LoginCodeKind.APP : LoginCodeKind.SMS);
  const code = telegram.logins.newCode(phone, chosen, key.id);
  call.effect = true;
  if (chosen === LoginCodeKind.APP) {
    const text = `Login code: ${code.code}. Do not give this code to anyone.`;
    const draft = { text, entities: undefined, media: undefined, randomId: 0n, replyTo: 0 };
    sendPrivate(world, accountOf(world, SERVICE_ACCOUNT_ID), account, draft);
  }
  return sentCode(code);
}

const SENT_AS: Record<LoginCodeKind, { type: string; next?: string }> = {
  [LoginCodeKind.UNSPECIFIED]: { type: 'auth.sentCodeTypeSms' },
  [LoginCodeKind.APP]: { type: 'auth.sentCodeTypeApp', next: 'auth.codeTypeSms' },
  [LoginCodeKind.SMS]: { type: 'auth.sentCodeTypeSms', next: 'auth.codeTypeCall' },
  [LoginCodeKind.CALL]: { type: 'auth.sentCodeTypeCall' },
};

function sentCode(code: LoginCode): TlObject {
  const { type, next } = SENT_AS[code.kind] ?? { type: 'auth.sentCodeTypeSms' };
  return {
    _: 'auth.sentCode',
    type: { _: type, length: CODE_DIGITS },
    phone_code_hash: code.hash,
    next_type: next === undefined ? undefined : { _: next },
    timeout: next === undefined ? undefined : 60,
  };
}

function resendCode({ phone_number, phone_code_hash }: PhoneCode, caller: Caller): TlObject {
  const account = accountForLogin(caller, phone_number);
  const code = codeOf(caller, phone_number, phone_code_hash);
  if (code.kind === LoginCodeKind.CALL) throw new RpcError('SEND_CODE_UNAVAILABLE');
  const next = code.kind === LoginCodeKind.APP ? LoginCodeKind.SMS : LoginCodeKind.CALL;
  return newCode(caller, account, code.phone, next);
}

function codeOf({ telegram }: Caller, phoneNumber: string, hash: string): LoginCode {
  if (hash === '') throw new RpcError('PHONE_CODE_HASH_EMPTY');
  const code = telegram.logins.code(normalPhone(phoneNumber));
  if (!code || code.hash !== hash || telegram.logins.isExpired(code))
    throw new RpcError('PHONE_CODE_EXPIRED');
  return code;
}

function signIn(query: PhoneCode & { phone_code?: string }, caller: Caller): TlObject {
  const account = accountForLogin(caller, query.phone_number);
  const code = codeOf(caller, query.phone_number, query.phone_code_hash);
  // The code belongs to the key that asked for it.
  if (code.keyId !== caller.key.id) throw new RpcError('PHONE_CODE_EXPIRED');
  if (!query.phone_code) throw new RpcError('PHONE_CODE_EMPTY');
  if (query.phone_code !== code.code) {
    code.wrongAttempts += 1;
    throw new RpcError('PHONE_CODE_INVALID');
  }
  code.used = true;
  return logInOrAskPassword(caller, account);
}

/** What follows a good code or an accepted token. */
export function logInOrAskPassword(caller: Caller, account: Account): TlObject {
  if (account.password) {
    caller.key.passwordPendingFor = account.id;
    throw new RpcError('SESSION_PASSWORD_NEEDED');
  }
  return logIn(caller, account);
}

function checkPassword({ password }: { password: TlObject }, caller: Caller): TlObject {
  const { telegram, key } = caller;
  const accountId = key.passwordPendingFor || telegram.accountOf(key)?.id;
  if (!accountId) throw new RpcError('AUTH_KEY_UNREGISTERED');
  const account = accountOf(caller.world, accountId);
  if (!account.password) throw new RpcError('PASSWORD_HASH_INVALID');
  if (password._ !== 'inputCheckPasswordSRP') throw new RpcError('PASSWORD_HASH_INVALID');
  const known = telegram.logins.takeChallenge(password['srp_id'] as bigint, account.id);
  if (!known) throw new RpcError('SRP_ID_INVALID');
  const answer = { A: password['A'] as Buffer, M1: password['M1'] as Buffer };
  if (!provesPassword(known.verifier, known.challenge, answer)) throw new RpcError('PASSWORD_HASH_INVALID');
  return logIn(caller, account);
}

export function logIn(caller: Caller, account: Account, options: { imported?: boolean } = {}): TlObject {
  const { telegram, key, call, connection, world } = caller;
  telegram.authorize(key, account.id, { ...options, connectionId: connection.record.id });
  call.accountId = account.id;
  call.effect = true;
  return { _: 'auth.authorization', user: userTl(world, account, account) };
}

/** An authorisation as account.getAuthorizations lists it. */
export function authorizationTl(caller: Caller, keyId: string, current: boolean): TlObject {
  const key = caller.telegram.key(keyId)!;
  const created = seconds(key.authorization?.createTime ?? 0);
  return {
    _: 'authorization',
    current,
    hash: current ? 0n : key.idBytes.readBigInt64LE(),
    device_model: key.device,
    platform: 'local',
    system_version: '1',
    api_id: key.apiId,
    app_name: 'local',
    app_version: '1',
    date_created: created,
    date_active: seconds(key.authorization?.lastCallTime ?? key.authorization?.createTime ?? 0),
    ip: '127.0.0.1',
    country: '',
    region: '',
  };
}

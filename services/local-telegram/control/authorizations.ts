import type { MessageInitShape } from '@bufbuild/protobuf';
import type { LocalTelegramService } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { AuthorizationEnd, type AuthorizationSchema } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { NotFound } from '#lib/rpc/errors.ts';
import type { CallContext, Handlers } from '#lib/rpc/implement.ts';
import { acceptToken } from '../methods/qr-login.ts';
import { durationMs } from '../faults.ts';
import type { Telegram } from '../telegram.ts';
import { normalPhone } from '../world/accounts.ts';
import type { KeyRecord, LoginCode } from '../world/state.ts';
import { accountById, invalid, keyById, msOf, stamp, stampOf } from './fields.ts';
import { pageOf } from './paging.ts';

type Calls = Handlers<typeof LocalTelegramService>;

const LONGEST_WAIT_MS = 60_000;
const MOST_KEYS = 1_000;

export function authorizationRoutes(
  telegram: Telegram,
): Pick<
  Calls,
  'getLoginCode' | 'acceptLoginToken' | 'createAuthorization' | 'listAuthorizations' | 'endAuthorization'
> {
  return {
    getLoginCode: async ({ phone, wait, sentAfterTime }, ctx) => {
      const waitMs = wait ? durationMs(wait) : 0;
      if (waitMs < 0 || waitMs > LONGEST_WAIT_MS) throw invalid('wait', 'must be 0 to 60 s');
      const after = sentAfterTime ? msOf(sentAfterTime) : 0;
      const read = (): LoginCode | undefined => {
        const code = telegram.logins.code(normalPhone(phone));
        return code && !code.used && code.sendTime > after ? code : undefined;
      };
      const code = read() ?? (waitMs > 0 ? await waitFor(telegram, read, waitMs, ctx) : undefined);
      if (!code) throw new NotFound('login code for', phone.slice(0, 20));
      return {
        code: {
          phone: code.phone,
          code: code.code,
          phoneCodeHash: code.hash,
          kind: code.kind,
          sendTime: stamp(code.sendTime),
          expireTime: stamp(code.expireTime),
          wrongAttempts: code.wrongAttempts,
        },
      };
    },
    acceptLoginToken: async ({ token, accountId }) => {
      const account = accountById(telegram, accountId);
      const accepted = acceptToken(telegram, Buffer.from(token), account);
      if (accepted === 'expired') throw new NotFound('login token', Buffer.from(token).toString('base64url'));
      // A second scan of a token that waits changes nothing.
      return { passwordNeeded: account.password !== undefined };
    },
    createAuthorization: async ({ accountId, count }) => {
      const account = accountById(telegram, accountId);
      if (count < 0 || count > MOST_KEYS) throw invalid('count', `must be 1 to ${MOST_KEYS}`);
      const keys = Array.from({ length: count || 1 }, () => telegram.makeAuthorizedKey(account));
      return { keys: keys.map((key) => ({ authorization: authorizationMessage(key), authKey: key.key })) };
    },
    listAuthorizations: async (request) => {
      const { accountId, liveOnly } = request;
      const wanted = accountId === '' ? undefined : accountById(telegram, accountId).id;
      const all = [...telegram.world.state.keys.values()]
        .filter(
          ({ authorization }) =>
            authorization &&
            (wanted === undefined || authorization.accountId === wanted) &&
            (!liveOnly || authorization.end === AuthorizationEnd.UNSPECIFIED),
        )
        .toSorted((a, b) => a.authorization!.createTime - b.authorization!.createTime);
      const { shown, nextPageToken } = pageOf(`authorizations/${accountId}/${liveOnly}`, request, all);
      return { authorizations: shown.map(authorizationMessage), nextPageToken };
    },
    endAuthorization: async ({ keyId, end }) => {
      const key = keyById(telegram, keyId);
      if (!key.authorization) throw new NotFound('authorization', keyId);
      telegram.endAuthorization(key, end || AuthorizationEnd.REVOKED);
      return { authorization: authorizationMessage(key) };
    },
  };
}

function waitFor<T>(
  telegram: Telegram,
  read: () => T | undefined,
  ms: number,
  { signal }: CallContext,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    const look = (): void => {
      const found = read();
      if (found) end(found);
    };
    const stop = telegram.logins.onCode(look);
    const timer = telegram.clock.setTimer(ms, () => end(undefined));
    const aborted = (): void => end(undefined);
    signal.addEventListener('abort', aborted, { once: true });

    function end(found: T | undefined): void {
      stop();
      timer.cancel();
      signal.removeEventListener('abort', aborted);
      resolve(found);
    }
  });
}

function authorizationMessage(key: KeyRecord): MessageInitShape<typeof AuthorizationSchema> {
  const authorization = key.authorization!;
  return {
    keyId: key.id,
    accountId: String(authorization.accountId),
    dataCenter: key.dataCenter,
    createTime: stamp(authorization.createTime),
    lastCallTime: stampOf(authorization.lastCallTime),
    end: authorization.end,
    endTime: stampOf(authorization.endTime),
    device: key.device,
  };
}

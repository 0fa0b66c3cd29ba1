import { timestampFromMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { pause } from '#lib/lifecycle/clock.ts';
import { Cancelled, DomainError, GoingAway } from '#lib/rpc/errors.ts';
import { Api } from '#lib/telegram/client.ts';
import { TelegramRefused, TelegramUnreachable } from '#lib/telegram/errors.ts';
import { countAttempts } from '../identity/attempts.ts';
import { accepted, findOut, passwordNeeded } from './authorised.ts';
import { begin } from './begin.ts';
import { endedError, endLogin, failLogin, settled } from './ending.ts';
import { LoginTakenOver } from './errors.ts';
import { handOver } from './hand-over.ts';
import { withLogin, type HeldLogin } from './held-login.ts';
import type { Logins, StepLimits } from './logins.ts';
import { isStep } from './refusals.ts';
import { findOrInsert } from './start.ts';
import type { NewLogin } from './store.ts';
import type { LoginRow } from './tables.ts';

/** A token is shown until so long before its end: whoever scans it then still has time to accept it. */
const RENEW_BEFORE_MS = 3_000;
const SHORTEST_MS = 1_000;
const AFTER_FAILURE_MS = 2_000;

export interface ShownToken {
  readonly row: LoginRow;
  readonly tokenLink: string;
  readonly tokenExpireTime: Timestamp;
}

/**
 * Shows token after token until one is accepted; answers the login, authorised or in need of its password. The
 * reader's end ends nothing: another call goes on.
 */
export async function showQr(
  logins: Logins,
  wish: NewLogin,
  limits: StepLimits,
  show: (shown: ShownToken) => Promise<void>,
): Promise<LoginRow> {
  logins.applicationStop.check();
  const { loginId } = await findOrInsert(logins, wish);
  return withLogin(logins, { tenantId: wish.tenantId, loginId }, limits, async (held, claimed) => {
    try {
      await begin(held, claimed);
      return await fromWhereItIs(held, show);
    } catch (error) {
      const thrown = await settled(held, error);
      if (held.row.state === 'starting' && thrown instanceof DomainError) await failLogin(held, thrown);
      throw thrown;
    }
  });
}

async function fromWhereItIs(held: HeldLogin, show: (shown: ShownToken) => Promise<void>): Promise<LoginRow> {
  switch (held.row.state) {
    case 'starting':
      await countStart(held);
      await held.change({ state: 'qr_shown' });
      return untilAccepted(held, show);
    case 'qr_shown': {
      // A token may have been accepted while nobody watched.
      const { state } = held.secrets ? await findOut(held) : held.row;
      if (state === 'finishing') return handOver(held);
      return state === 'qr_shown' ? untilAccepted(held, show) : held.row;
    }
    case 'password_needed':
    case 'authorised':
      return held.row;
    case 'code_sent':
    case 'finishing':
    case 'cancelled':
    case 'failed':
      throw endedError(held.row);
  }
}

async function countStart(held: HeldLogin): Promise<void> {
  const { logins, row } = held;
  const { loginsPerTenant: limit, windowMs } = logins.settings;
  await countAttempts(logins, [{ kind: 'login_tenant', subject: row.tenant_id, limit }], windowMs);
}

async function untilAccepted(held: HeldLogin, show: (shown: ShownToken) => Promise<void>): Promise<LoginRow> {
  const { clock } = held.logins;
  for (;;) {
    throwIfOver(held);
    if (held.row.expire_time.getTime() <= clock.now()) {
      await endLogin(held, 'failed', ErrorReason.LOGIN_ENDED);
      throw endedError(held.row);
    }
    const news = new AbortController();
    const connection = held.connection();
    connection.onUpdates = (updates) => {
      if (isAcceptance(updates)) news.abort();
    };
    // Who hears nothing must ask: the token may have been accepted since.
    connection.onLost = () => news.abort();
    const answer = await exported(held);
    if (answer === 'again') await pause(clock, AFTER_FAILURE_MS, interruptions(held));
    else if (answer instanceof Api.auth.LoginToken) {
      const expiresMs = answer.expires * 1_000;
      const tokenLink = `tg://login?token=${answer.token.toString('base64url')}`;
      await show({ row: held.row, tokenLink, tokenExpireTime: timestampFromMs(expiresMs) });
      const showMs = Math.max(expiresMs - clock.now() - RENEW_BEFORE_MS, SHORTEST_MS);
      await pause(clock, showMs, AbortSignal.any([interruptions(held), news.signal]));
    } else return answer;
  }
}

function interruptions({ limits, lost, wanted }: HeldLogin): AbortSignal {
  return AbortSignal.any([limits.signal, lost, wanted]);
}

function throwIfOver({ limits, lost, wanted, row }: HeldLogin): void {
  if (limits.signal.aborted) {
    const { reason } = limits.signal as { reason: unknown };
    throw reason instanceof GoingAway ? reason : new Cancelled();
  }
  if (lost.aborted || wanted.aborted) throw new LoginTakenOver(row.login_id);
}

/** A token to show, or the login once one was accepted; `again` when Telegram can not be reached for now. */
async function exported(held: HeldLogin): Promise<Api.auth.LoginToken | LoginRow | 'again'> {
  const { apiId, apiHash } = held.logins.telegram.environment;
  try {
    const answer = await held.call(new Api.auth.ExportLoginToken({ apiId, apiHash, exceptIds: [] }));
    return answer instanceof Api.auth.LoginToken ? answer : await afterAcceptance(held, answer);
  } catch (error) {
    if (error instanceof TelegramRefused && isStep(error, 'needs_password')) return passwordNeeded(held);
    // A token that was accepted and ran out on the way to its data centre: the next one is shown.
    if (error instanceof TelegramRefused && error.telegramError.type === 'AUTH_TOKEN_EXPIRED') return 'again';
    if (error instanceof TelegramUnreachable) return 'again';
    throw error;
  }
}

async function afterAcceptance(
  held: HeldLogin,
  answer: Api.auth.TypeLoginToken,
): Promise<LoginRow | 'again'> {
  if (answer instanceof Api.auth.LoginTokenMigrateTo) {
    await held.connection().moveTo(answer.dcId);
    const { token } = answer;
    return afterAcceptance(held, await held.call(new Api.auth.ImportLoginToken({ token })));
  }
  if (!(answer instanceof Api.auth.LoginTokenSuccess)) return 'again';
  await accepted(held, answer.authorization);
  return handOver(held);
}

function isAcceptance(updates: Api.TypeUpdates): boolean {
  if (updates instanceof Api.UpdateShort) return updates.update instanceof Api.UpdateLoginToken;
  if (updates instanceof Api.Updates || updates instanceof Api.UpdatesCombined)
    return updates.updates.some((update) => update instanceof Api.UpdateLoginToken);
  return updates instanceof Api.UpdatesTooLong;
}

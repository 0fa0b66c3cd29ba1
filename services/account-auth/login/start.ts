import { pause } from '#lib/lifecycle/clock.ts';
import { AlreadyExists, Cancelled, DeadlineExceeded, DomainError, RequestIdReused } from '#lib/rpc/errors.ts';
import { Api } from '#lib/telegram/client.ts';
import { TelegramRefused } from '#lib/telegram/errors.ts';
import { findAccount } from '../accounts/store.ts';
import { countAttempts } from '../identity/attempts.ts';
import type { AccountRow } from '../accounts/model.ts';
import { accepted } from './authorised.ts';
import { failLogin, settled } from './ending.ts';
import { endOverdue } from './overdue.ts';
import { CodeNotSent } from './errors.ts';
import { withLogin, type HeldLogin } from './held-login.ts';
import { handOver } from './hand-over.ts';
import type { Logins, StepLimits } from './logins.ts';
import { refusedPhone } from './refusals.ts';
import { readSentCode, type SentCode } from './sent-code.ts';
import { findByRequest, findLiveByPhone, insertLogin, readLogin, type NewLogin } from './store.ts';
import type { LoginRow } from './tables.ts';

/** How often a caller looks whether the code was sent for another that asked at the same time. */
const LOOK_EVERY_MS = 50;

/** The login of a phone, its code sent: the one that lives, or a new one. */
export async function startLogin(logins: Logins, wish: NewLogin, limits: StepLimits): Promise<LoginRow> {
  logins.applicationStop.check();
  const account = await findAccount(logins.database.kysely, wish.tenantId, { phone: wish.phone });
  const { loginId } = await findOrInsert(logins, wish);
  for (;;) {
    const row = await readLogin(logins.database.kysely, { tenantId: wish.tenantId, loginId });
    if (row.state !== 'starting') return row;
    if (!isWorkedOn(row, logins)) return send(logins, row, { wish, account }, limits);
    if (limits.signal.aborted) throw new Cancelled();
    if (limits.remainingMs() <= LOOK_EVERY_MS) throw new DeadlineExceeded();
    await pause(logins.clock, LOOK_EVERY_MS, limits.signal);
  }
}

/** By this process's clock, which is good enough to save statements: the claim itself goes by the database's. */
function isWorkedOn({ worker_id, worker_end_time }: LoginRow, { clock }: Logins): boolean {
  return worker_id !== null && worker_end_time !== null && worker_end_time.getTime() > clock.now();
}

export async function findOrInsert(logins: Logins, wish: NewLogin): Promise<{ loginId: string }> {
  const { kysely } = logins.database;
  // What is in the way may end between two looks, and so make room.
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const known = await findKnown(logins, wish);
    if (known) return { loginId: known.login_id };
    const made = await insertLogin(kysely, wish, logins.settings);
    if (made) return { loginId: made.login_id };
  }
  throw new AlreadyExists('login', wish.phone);
}

async function findKnown(logins: Logins, wish: NewLogin): Promise<LoginRow | undefined> {
  const { kysely } = logins.database;
  if (wish.requestId !== null) {
    const repeated = await findByRequest(kysely, wish);
    if (repeated && !repeated.body_hash?.equals(Buffer.from(wish.bodyHash ?? [])))
      throw new RequestIdReused(wish.requestId);
    if (repeated) return repeated;
  }
  const living = wish.phone === '' ? undefined : await findLiveByPhone(kysely, wish);
  if (!living || living.expire_time.getTime() > logins.clock.now()) return living;
  await endOverdue(logins, living);
  return undefined;
}

/** Whoever gets here first sends the code; the others find it sent. */
function send(
  logins: Logins,
  { tenant_id: tenantId, login_id: loginId }: LoginRow,
  from: { wish: NewLogin; account: AccountRow | undefined },
  limits: StepLimits,
): Promise<LoginRow> {
  return withLogin(logins, { tenantId, loginId }, limits, async (held) => {
    if (held.row.state !== 'starting') return held.row;
    try {
      await countAttempts(logins, limitsOf(logins, held.row), logins.settings.windowMs);
      const { proxyId, labels, name } = from.wish;
      // A login that never got as far as its code goes on as the newest call wants it.
      await held.change({
        proxy_id: held.secrets ? held.row.proxy_id : proxyId,
        labels: { ...labels },
        name,
        account_id: from.account?.environment === held.row.environment ? from.account.account_id : null,
      });
      return await sendCode(held);
    } catch (error) {
      const thrown = await settled(held, refusedPhone(error));
      if (thrown instanceof DomainError && held.row.end_time === null) await failLogin(held, thrown);
      throw thrown;
    }
  });
}

function limitsOf({ settings }: Logins, row: LoginRow) {
  return [
    {
      kind: 'login_phone' as const,
      subject: `${row.environment} ${row.phone}`,
      limit: settings.codesPerPhone,
    },
    { kind: 'login_tenant' as const, subject: row.tenant_id, limit: settings.loginsPerTenant },
  ];
}

async function sendCode(held: HeldLogin): Promise<LoginRow> {
  const { apiId, apiHash } = held.logins.telegram.environment;
  const request = new Api.auth.SendCode({
    phoneNumber: held.row.phone,
    apiId,
    apiHash,
    settings: new Api.CodeSettings({}),
  });
  const answer = await held.call(request).catch((error: unknown) => {
    // AUTH_RESTART: Telegram wants the first step once more.
    const isRestart = error instanceof TelegramRefused && error.telegramError.type === 'AUTH_RESTART';
    if (isRestart) return held.call(request);
    throw error;
  });
  if (answer instanceof Api.auth.SentCodeSuccess) {
    await accepted(held, answer.authorization);
    return handOver(held);
  }
  return codeSent(held, answer);
}

export async function codeSent(held: HeldLogin, answer: Api.auth.TypeSentCode): Promise<LoginRow> {
  const sent = readSentCode(answer);
  if ('instead' in sent) throw new CodeNotSent(sent.instead);
  return held.keepCodeHash(sent.phoneCodeHash, sentCodeChanges(sent, held.logins.settings.ttlMs));
}

function sentCodeChanges(sent: SentCode, ttlMs: number) {
  return {
    state: 'code_sent' as const,
    code_kind: sent.kind,
    code_length: sent.length,
    next_code_kind: sent.nextKind,
    resendInMs: sent.nextKind === '' ? null : sent.nextInSeconds * 1_000,
    expireInMs: ttlMs,
  };
}

import { timestampMs } from '@bufbuild/protobuf/wkt';
import { CodeKind, LoginState, type Account, type Login } from '#gen/telegate/account_auth/v1/account_pb.ts';
import type { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { RpcError } from '#lib/rpc/status.ts';
import type { Service } from '../service.ts';
import type { Ask } from '../terminal/ask.ts';
import { plain } from '../terminal/table.ts';
import { span, timeOfDay } from '../terminal/times.ts';

export interface LoginDesk {
  readonly accounts: Service<typeof AccountAuthService>;
  readonly ask: Ask;
  /** What a person reads between the questions. */
  readonly note: (text: string) => void;
  readonly clock: Clock;
}

export interface LoginOutcome {
  login: Login;
  account: Account | undefined;
}

/** Telegram is asked at each step, through a proxy perhaps. */
export const STEP_LIMIT_MS = 60_000;

/** Asks for what the login waits for until it is authorised; the mesh says when there were too many attempts. */
export async function finishLogin(desk: LoginDesk, begun: LoginOutcome): Promise<LoginOutcome> {
  let at = begun;
  while (at.login.state === LoginState.CODE_SENT || at.login.state === LoginState.PASSWORD_NEEDED)
    at = at.login.state === LoginState.CODE_SENT ? await codeStep(desk, at) : await passwordStep(desk, at);
  return at;
}

async function codeStep(desk: LoginDesk, at: LoginOutcome): Promise<LoginOutcome> {
  const { accounts, ask, note } = desk;
  const code = (
    await ask(`Code${at.login.nextCodeKind === CodeKind.UNSPECIFIED ? '' : ' (or "again")'}: `)
  ).trim();
  if (code === '') return at;
  if (/^(?:again|r|resend)$/i.test(code)) return await resend(desk, at);
  const { loginId } = at.login;
  try {
    return outcome(
      at,
      await accounts.call((client) => client.submitCode({ loginId, code }, { deadlineMs: STEP_LIMIT_MS })),
    );
  } catch (error) {
    note(wrongSecret(error, 'The code'));
    return at;
  }
}

async function passwordStep(desk: LoginDesk, at: LoginOutcome): Promise<LoginOutcome> {
  const { accounts, ask, note } = desk;
  const { loginId, passwordHint } = at.login;
  const hint = passwordHint === '' ? '' : ` (hint: ${plain(passwordHint)})`;
  const password = await ask(`Password of the account${hint}: `, { hidden: true });
  if (password === '') return at;
  try {
    return outcome(
      at,
      await accounts.call((client) =>
        client.submitPassword({ loginId, password }, { deadlineMs: STEP_LIMIT_MS }),
      ),
    );
  } catch (error) {
    note(wrongSecret(error, 'The password'));
    return at;
  }
}

async function resend({ accounts, note, clock }: LoginDesk, at: LoginOutcome): Promise<LoginOutcome> {
  const { loginId } = at.login;
  try {
    const { login } = await accounts.call((client) =>
      client.resendCode({ loginId }, { deadlineMs: STEP_LIMIT_MS }),
    );
    note(codeSent(login!, clock.now()));
    return { ...at, login: login! };
  } catch (error) {
    if (!(error instanceof RpcError) || error.reason !== ErrorReason.QUOTA_EXCEEDED) throw error;
    const wait = error.retryAfterMs === undefined ? '' : ` Possible in ${span(error.retryAfterMs)}.`;
    note(`${error.message}${wait}`);
    return at;
  }
}

function outcome(at: LoginOutcome, answer: { login?: Login; account?: Account }): LoginOutcome {
  return { login: answer.login ?? at.login, account: answer.account };
}

/** Anything but a wrong code, and a wrong code that was the last one allowed, ends the login here. */
function wrongSecret(error: unknown, what: string): string {
  if (!(error instanceof RpcError) || error.reason !== ErrorReason.LOGIN_CODE_WRONG) throw error;
  const left = Number(error.metadata['attempts_left'] ?? '1');
  if (left <= 0) throw error;
  return `${what} is wrong; ${left === 1 ? 'one attempt is' : `${left} attempts are`} left.`;
}

const ways: Readonly<Record<CodeKind, string>> = {
  [CodeKind.UNSPECIFIED]: '',
  [CodeKind.APP]: ' as a message in the Telegram app of this account',
  [CodeKind.SMS]: ' by text message',
  [CodeKind.CALL]: ' by phone call',
  [CodeKind.EMAIL]: ' by e-mail',
};

export function codeSent(login: Login, now: number): string {
  const digits = login.codeLength === 0 ? 'a code' : `a code of ${login.codeLength} characters`;
  const sent = `Telegram sent ${digits}${ways[login.codeKind]} to ${plain(login.phone)}.`;
  if (login.nextCodeKind === CodeKind.UNSPECIFIED || !login.resendTime) return sent;
  const wait = timestampMs(login.resendTime) - now;
  const from = wait > 0 ? ` from ${timeOfDay(timestampMs(login.resendTime))} (in ${span(wait)})` : '';
  return `${sent} "again" sends it${ways[login.nextCodeKind]}${from}.`;
}

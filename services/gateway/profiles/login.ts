import { status } from '@grpc/grpc-js';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { CodeKind, LoginState, type Account, type Login } from '#gen/telegate/account_auth/v1/account_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { CallOptions } from '#lib/rpc/client-state.ts';
import { toDomainError } from '#lib/rpc/status.ts';
import { nullable, object, text, wholeNumber } from '../docs/schema.ts';
import { detail, Refusal } from '../http/answer.ts';
import type { MeshClients } from '../mesh.ts';

/* A login that is known by its phone: of one phone there is one at a time. */

type AccountAuth = MeshClients['accountAuth'];

const CODE_TYPES: Readonly<Record<CodeKind, string | null>> = {
  [CodeKind.UNSPECIFIED]: null,
  [CodeKind.APP]: 'app',
  [CodeKind.SMS]: 'sms',
  [CodeKind.CALL]: 'call',
  [CodeKind.EMAIL]: 'email',
};

const STATUSES: Readonly<Partial<Record<LoginState, string>>> = {
  [LoginState.CODE_SENT]: 'code_sent',
  [LoginState.PASSWORD_NEEDED]: 'password_required',
  [LoginState.AUTHORISED]: 'authorized',
};

export const startedSchema = object({
  status: { type: 'string', enum: Object.values(STATUSES), example: 'code_sent' },
  phone: text('In E.164.', '+15550000001'),
  code_sent: { type: 'boolean', example: true },
  code_type: nullable('string', 'How it was sent: app, sms, call or email.', 'app'),
  timeout: nullable('integer', 'Seconds after which another code may be asked for; null: never.', 60),
});

export const passwordRequiredSchema = object({
  status: { const: 'password_required' },
  phone: text('In E.164.', '+15550000001'),
  hint: nullable('string', 'What the owner noted about the password.', 'my dog'),
  attempts_left: wholeNumber('How many wrong answers are still allowed.', 5),
});

/** Asks Telegram for a code; while a login lives, it is answered again. */
export async function startLogin(
  accountAuth: AccountAuth,
  phone: string,
  options: CallOptions,
  clock: Pick<Clock, 'now'>,
) {
  const { login } = await accountAuth.startLogin({ phone }, options);
  if (!(await ownLogin(accountAuth, phone, options)))
    throw new Refusal(
      detail(
        409,
        'Somebody else of your organisation is logging this phone in. Try again when they are done.',
      ),
    );
  const { state, codeKind, resendTime } = login!;
  const isSent = state === LoginState.CODE_SENT;
  return {
    status: STATUSES[state] ?? 'code_sent',
    phone: login!.phone,
    code_sent: isSent,
    code_type: isSent ? CODE_TYPES[codeKind] : null,
    timeout:
      isSent && resendTime ? Math.max(0, Math.round((timestampMs(resendTime) - clock.now()) / 1_000)) : null,
  };
}

export interface LoginStep {
  readonly login: Login;
  readonly account: Account | undefined;
}

export function submitCode(
  accountAuth: AccountAuth,
  { phone, code }: { phone: string; code: string },
  options: CallOptions,
): Promise<LoginStep> {
  return step(accountAuth, phone, options, ({ loginId }) =>
    accountAuth.submitCode({ loginId, code }, options),
  );
}

export function submitPassword(
  accountAuth: AccountAuth,
  { phone, password }: { phone: string; password: string },
  options: CallOptions,
): Promise<LoginStep> {
  return step(accountAuth, phone, options, ({ loginId }) =>
    accountAuth.submitPassword({ loginId, password }, options),
  );
}

export function passwordRequired({ phone, passwordHint, attemptsLeft }: Login) {
  return {
    status: 'password_required',
    phone,
    hint: passwordHint || null,
    attempts_left: attemptsLeft,
  } as const;
}

/** Whatever is wrong with the answer, or with the login, is a 400 with the reason to these clients. */
async function step(
  accountAuth: AccountAuth,
  phone: string,
  options: CallOptions,
  submit: (login: Login) => Promise<{ login?: Login; account?: Account }>,
): Promise<LoginStep> {
  const own = await ownLogin(accountAuth, phone, options);
  if (!own) throw new Refusal(detail(400, 'You have no login of this phone in progress: start one first'));
  try {
    const { login, account } = await submit(own);
    return { login: login!, account };
  } catch (error) {
    const known = toDomainError(error);
    const isTheirs = known.code === status.INVALID_ARGUMENT || known.code === status.FAILED_PRECONDITION;
    if (!isTheirs) throw error;
    throw new Refusal(detail(400, known.message));
  }
}

/** The login of a phone that the caller began; nobody hands in a code for another's. */
async function ownLogin(
  accountAuth: AccountAuth,
  phone: string,
  options: CallOptions,
): Promise<Login | undefined> {
  try {
    const { login } = await accountAuth.getLogin({ phone }, options);
    return login;
  } catch (error) {
    if (toDomainError(error).reason === ErrorReason.NOT_FOUND) return undefined;
    throw error;
  }
}

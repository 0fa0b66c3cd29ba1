import { status } from '@grpc/grpc-js';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { DomainError } from '#lib/rpc/errors.ts';

/** Why a login is over; `remedy` says what to do. */
export class LoginEnded extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.LOGIN_ENDED;

  constructor(loginId: string, why: string, remedy = 'Start a new one.') {
    super(`The login has ended: ${why}. ${remedy}`, { login_id: loginId });
    this.preconditions = [{ type: 'LOGIN', subject: `logins/${loginId}`, description: why }];
  }
}

export class LoginCodeWrong extends DomainError {
  override readonly code = status.INVALID_ARGUMENT;
  override readonly reason = ErrorReason.LOGIN_CODE_WRONG;

  constructor(what: 'code' | 'password', attemptsLeft: number) {
    super(
      `The ${what} is wrong. ${attemptsLeft} ${attemptsLeft === 1 ? 'attempt is' : 'attempts are'} left.`,
      {
        attempts_left: String(attemptsLeft),
      },
    );
  }
}

/** Telegram asked to wait before it is asked the same of this phone again. */
export class PhoneMustWait extends DomainError {
  override readonly code = status.RESOURCE_EXHAUSTED;
  override readonly reason = ErrorReason.FLOOD_WAIT;

  constructor(method: string, seconds: number) {
    super(`Telegram asked to wait ${seconds} seconds before ${method} for this phone.`, {
      session_id: '0',
      scope: 'method',
      method,
      seconds: String(seconds),
    });
    this.retryAfterMs = seconds * 1_000;
  }
}

/** Telegram refuses the application itself: nobody can log in until somebody has seen to it. */
export class LoginsStopped extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.TELEGRAM_REFUSED;

  constructor(telegramError: string, retryAfterMs: number) {
    super(
      `Telegram refuses this application (${telegramError}): no account can log in. The operator must look at ` +
        'TELEGRAM_API_ID and TELEGRAM_API_HASH, or update TeleGate.',
      { telegram_error: telegramError },
    );
    this.retryAfterMs = retryAfterMs;
  }
}

/** No Telegram account has the number, and accounts are not made here. */
export class SignUpRefused extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.TELEGRAM_REFUSED;

  constructor() {
    super('No Telegram account has this phone number. Sign up in an app of Telegram, then log in here.', {
      telegram_error: 'PHONE_NUMBER_UNOCCUPIED',
    });
  }
}

/** Another process goes on with the login; nothing of it is lost. */
export class LoginTakenOver extends DomainError {
  override readonly code = status.ABORTED;
  override readonly reason = ErrorReason.CANCELLED;

  constructor(loginId: string) {
    super('Another call goes on with this login.', { login_id: loginId });
  }
}

export class NoOtherWay extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.TELEGRAM_REFUSED;

  constructor() {
    super(
      'Telegram offers no other way to send the code. Wait for it, or cancel the login and start a new one.',
      {
        telegram_error: 'SEND_CODE_UNAVAILABLE',
      },
    );
  }
}

/** Telegram asks for something before it sends a code that only its own apps can give. */
export class CodeNotSent extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.TELEGRAM_REFUSED;

  constructor(instead: string) {
    super(`Telegram sent no code and asks for ${instead}. Log in with an app of Telegram first, then here.`, {
      telegram_error: instead,
    });
  }
}

export class TelegramNotNamed extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.TELEGRAM_REFUSED;

  constructor() {
    super(
      'This deployment names no Telegram. The operator must set TELEGRAM_API_ID and TELEGRAM_API_HASH, or LOCAL_TELEGRAM_ADDRESS.',
      { telegram_error: '' },
    );
  }
}

import { Cancelled, DeadlineExceeded, DomainError, InvalidFields } from '#lib/rpc/errors.ts';
import { TelegramRefused, TelegramUnreachable } from '#lib/telegram/errors.ts';
import type { LoginStep } from '#lib/telegram/rpc-errors.ts';
import { SignUpRefused } from './errors.ts';

/** What Telegram says of the number itself, in the words of the request. */
export function refusedPhone(error: unknown): unknown {
  if (!(error instanceof TelegramRefused)) return error;
  const { type } = error.telegramError;
  if (type === 'PHONE_NUMBER_UNOCCUPIED') return new SignUpRefused();
  if (type !== 'PHONE_NUMBER_INVALID') return error;
  return new InvalidFields([
    {
      field: 'phone',
      description: 'is no number that Telegram knows; send the number of an account, with its country code',
    },
  ]);
}

/** Whether nobody knows what became of the call that failed so. */
export function mayHaveTakenEffect(error: unknown): boolean {
  if (error instanceof TelegramUnreachable) return error.sent;
  return !(error instanceof DomainError) || error instanceof Cancelled || error instanceof DeadlineExceeded;
}

export function isStep({ verdict }: TelegramRefused, step: LoginStep): boolean {
  return verdict.kind === 'login' && verdict.step === step;
}

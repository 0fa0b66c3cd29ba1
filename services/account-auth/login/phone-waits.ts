import { sql } from 'kysely';
import type { AccountAuth } from '../account-auth.ts';
import { PhoneMustWait } from './errors.ts';

export interface PhoneCall {
  readonly environment: string;
  readonly phone: string;
  readonly method: string;
}

/** Throws while Telegram's wait for the phone and the method lasts, whichever tenant or process it was told. */
export async function checkPhoneWait(
  { database }: Pick<AccountAuth, 'database'>,
  { environment, phone, method }: PhoneCall,
): Promise<void> {
  const { rows } = await sql<{ left_s: number }>`
    select extract(epoch from end_time - clock_timestamp())::float8 as left_s from phone_waits
    where environment = ${environment} and phone = ${phone} and method = ${method}
      and end_time > clock_timestamp()`.execute(database.kysely);
  if (rows[0]) throw new PhoneMustWait(method, Math.max(1, Math.ceil(rows[0].left_s)));
}

/** A longer wait that is known stays. */
export async function keepPhoneWait(
  { database }: Pick<AccountAuth, 'database'>,
  { environment, phone, method }: PhoneCall,
  wait: { telegramError: string; seconds: number },
): Promise<void> {
  await sql`
    insert into phone_waits (environment, phone, method, telegram_error, end_time)
    values (${environment}, ${phone}, ${method}, ${wait.telegramError},
      clock_timestamp() + ${wait.seconds} * interval '1 second')
    on conflict (environment, phone, method) do update set
      telegram_error = excluded.telegram_error, end_time = greatest(phone_waits.end_time, excluded.end_time)
  `.execute(database.kysely);
}

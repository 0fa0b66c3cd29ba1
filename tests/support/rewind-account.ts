import { Client } from 'pg';

/** As if the account had been seen two hours before; answers when it is taken to have been seen, in epoch seconds. */
export async function rewindAccount(databaseUrl: string, accountId: string): Promise<number> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ at: Date }>(
      `update account_auth.accounts set check_time = clock_timestamp() - interval '2 hours', check_start_time = null
       where account_id = $1 returning check_time as at`,
      [accountId],
    );
    return Math.ceil(rows[0]!.at.getTime() / 1_000);
  } finally {
    await client.end();
  }
}

import { Client } from 'pg';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { pause } from '#lib/lifecycle/clock.ts';

/** The database cannot be used; the message is for people and says what to do. */
export class DatabaseUnusable extends Error {
  override readonly name = 'DatabaseUnusable';
}

/** Refusals that waiting does not mend. */
const advice: { readonly [code: string]: string } = {
  '28P01': 'The user or the password in DATABASE_URL is wrong.',
  '28000': 'The server does not let this user in. Correct DATABASE_URL, or the server’s pg_hba.conf.',
  '3D000': 'The database named in DATABASE_URL does not exist. Create it (createdb), or correct the name.',
  '42501': 'This user may not connect to the database. Grant it CONNECT and CREATE, or correct DATABASE_URL.',
};

const ATTEMPT_LIMIT_MS = 5_000;
const OLDEST_VERSION = 140_000;

/** Waits for the database of DATABASE_URL and says what it waits for. */
export async function awaitDatabase(
  url: string,
  options: {
    clock: Clock;
    limitMs: number;
    signal: AbortSignal;
    say: (text: string) => void;
    remedy: string;
  },
): Promise<void> {
  const { clock, limitMs, signal, say, remedy } = options;
  const place = placeOf(url);
  const deadline = clock.monotonic() + limitMs;
  let announced = false;
  for (;;) {
    const problem = await tryConnecting(url, place, Math.min(ATTEMPT_LIMIT_MS, limitMs));
    if (problem === undefined) return;
    if (signal.aborted) throw new DatabaseUnusable('The start was interrupted.');
    if (clock.monotonic() > deadline)
      throw new DatabaseUnusable(`No PostgreSQL answers at ${place} (DATABASE_URL): ${problem}. ${remedy}`);
    if (!announced) say(`Waiting up to ${limitMs / 1_000} s for PostgreSQL at ${place}: ${problem}.`);
    announced = true;
    await pause(clock, 250, signal);
  }
}

async function tryConnecting(url: string, place: string, attemptMs: number): Promise<string | undefined> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: attemptMs,
    query_timeout: attemptMs,
    application_name: 'telegate-start',
  });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ version: string }>(
      "select current_setting('server_version_num') as version",
    );
    const version = Number(rows[0]?.version);
    if (version < OLDEST_VERSION)
      throw new DatabaseUnusable(
        `PostgreSQL at ${place} is version ${Math.floor(version / 10_000)}; 14 is the oldest that works.`,
      );
    return undefined;
  } catch (error) {
    if (error instanceof DatabaseUnusable) throw error;
    const permanent = advice[codeOf(error)];
    if (permanent !== undefined)
      throw new DatabaseUnusable(`PostgreSQL at ${place} refuses: ${messageOf(error)}. ${permanent}`);
    return describe(error);
  } finally {
    await client.end().catch(() => {});
  }
}

/** A name with several addresses fails with an AggregateError, whose own message is empty. */
function describe(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  return messageOf(error) || codeOf(error) || 'no connection';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

/** Host, port and database, never user or password. */
export function placeOf(url: string): string {
  const { host, pathname, searchParams } = new URL(url);
  return `${host === '' ? searchParams.get('host') : host}${pathname}`;
}

import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/*
 * A client that knows nothing of this house. Needs a python with tests/python/requirements-login.txt: the one that
 * TELEGATE_TELETHON_PYTHON or TELEGATE_PYTHON names, or `python3`.
 */

const WANTED = '1.39.0';
const python = process.env['TELEGATE_TELETHON_PYTHON'] ?? process.env['TELEGATE_PYTHON'] ?? 'python3';

/** Why tests with Telethon are skipped; undefined when they can run. TELEGATE_TEST_REQUIRE_CLIENTS=1 makes them fail. */
export const telethonMissing: string | undefined = findMissing();

function findMissing(): string | undefined {
  const probe = spawnSync(python, ['-c', 'import telethon; print(telethon.__version__)'], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  const found =
    probe.status === 0 ? `Telethon ${probe.stdout.trim()}` : (probe.error?.message ?? 'no Telethon');
  if (found === `Telethon ${WANTED}`) return undefined;
  const reason = `${python} has ${found}, not Telethon ${WANTED}`;
  if (process.env['TELEGATE_TEST_REQUIRE_CLIENTS'] === '1') throw new Error(reason);
  return reason;
}

/** The texts of an account's chats, by whom each is with, as Telethon reads them with this session string. */
export async function readWithTelethon(session: string): Promise<Map<number, string[]>> {
  const script = join(import.meta.dirname, '../python/telethon_history.py');
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
  child.stdin.end(`${JSON.stringify({ session })}\n`);
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const chats = new Map<number, string[]>();
  for await (const line of createInterface({ input: child.stdout })) {
    const { chat, texts } = JSON.parse(line) as { chat: number; texts: string[] };
    chats.set(chat, texts);
  }
  if ((await exit) !== 0) throw new Error(`telethon_history.py: ${complaints}`);
  return chats;
}

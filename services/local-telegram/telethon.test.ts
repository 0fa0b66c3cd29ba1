import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestTelegram, type TestTelegram } from '../../tests/support/local-telegram.ts';
import { sendPrivate } from './world/private-chats.ts';

/**
 * A client that knows nothing of this house. Needs a python with tests/python/requirements-login.txt: the one that
 * TELEGATE_TELETHON_PYTHON or TELEGATE_PYTHON names, or `python3`.
 */
const python = process.env['TELEGATE_TELETHON_PYTHON'] ?? process.env['TELEGATE_PYTHON'] ?? 'python3';
const script = join(import.meta.dirname, '../../tests/python/telethon_login.py');
const probe = spawnSync(python, ['-c', 'import telethon; print(telethon.__version__)'], {
  encoding: 'utf8',
  timeout: 30_000,
});
const WANTED = '1.39.0';
const found =
  probe.status === 0 ? `Telethon ${probe.stdout.trim()}` : (probe.error?.message ?? 'no Telethon');
const isMissing = found !== `Telethon ${WANTED}`;
if (isMissing && process.env['TELEGATE_TEST_REQUIRE_CLIENTS'] === '1')
  throw new Error(`${python} has ${found}, not Telethon ${WANTED}`);

interface Line {
  event: string;
  [field: string]: unknown;
}

describe.skipIf(isMissing)(
  `Telethon${isMissing ? ` (skipped: ${python} has ${found}, not Telethon ${WANTED})` : ''}`,
  () => {
    let world: TestTelegram;

    beforeAll(async () => {
      world = await startTestTelegram();
    });

    afterAll(() => world.close());

    test.each(['full', 'abridged', 'intermediate', 'obfuscated'])(
      'exchanges keys, logs in, sends and receives over the %s transport',
      async (connection) => {
        const ada = world.account({ firstName: 'Ada', password: 'secret' });
        const bob = world.account({ firstName: 'Bob', username: `bob_${connection}` });
        const [first] = world.telegram.dataCenters;
        const lines = await run(
          {
            connection,
            data_center: first!.id,
            host: first!.host,
            port: first!.port,
            public_key: world.telegram.serverKey.publicPem,
            phone: ada.phone,
            password: 'secret',
            to: `bob_${connection}`,
            text: 'hello from python',
          },
          (line) => {
            if (line.event === 'code_needed') return world.telegram.logins.code(ada.phone)!.code;
            if (line.event === 'sent') {
              const draft = { entities: undefined, media: undefined, randomId: 0n, replyTo: 0 };
              sendPrivate(world.telegram.world, bob, ada, { text: 'hello from here', ...draft });
            }
            return undefined;
          },
        );
        expect(lines).toMatchObject([
          { event: 'connected', layer: 199 },
          { event: 'code_needed' },
          { event: 'logged_in', id: ada.id, first_name: 'Ada' },
          { event: 'sent', id: 1 },
          { event: 'received', text: 'hello from here' },
          { event: 'dialogs', names: ['Bob'] },
        ]);
        expect([...bob.messages.values()].map(({ content }) => content.text)).toEqual([
          'hello from python',
          'hello from here',
        ]);
      },
    );
  },
);

async function run(target: object, onLine: (line: Line) => string | undefined): Promise<Line[]> {
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
  child.stdin.write(`${JSON.stringify(target)}\n`);
  const lines: Line[] = [];
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text) as Line;
    lines.push(line);
    const reply = onLine(line);
    if (reply !== undefined) child.stdin.write(`${reply}\n`);
  }
  if (!lines.some(({ event }) => event === 'dialogs')) throw new Error(`telethon_login.py: ${complaints}`);
  return lines;
}

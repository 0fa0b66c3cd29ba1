/*
 * The driver without the mesh: accounts that send to themselves, each one message after the other, for as many seconds
 * as each further line of stdin says. The first line has the keys.
 *
 *   node bare-sends.ts ADDRESS
 */
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { Api, wireLong } from '#lib/telegram/client.ts';
import { localTelegram } from '#lib/telegram/environment.ts';
import { connectControl } from '../telegram/local.ts';
import { newProcess, openSession } from '../telegram/sessions.ts';

const control = connectControl(process.argv[2]!);
const telegram = localTelegram(await control.getServerInfo({}));
control.close();
const driver = newProcess(telegram);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const keys = ((await lines.next()).value as string).split(' ').map((hex) => Buffer.from(hex, 'hex'));
const sessions = await Promise.all(keys.map((key) => openSession(driver, key, { updates: true })));
say({ kind: 'ready' });
for await (const line of lines) {
  const used = process.cpuUsage();
  const startedAt = performance.now();
  const until = startedAt + 1_000 * Number(line);
  let done = 0;
  await Promise.all(
    sessions.map(async ({ session }) => {
      for (; performance.now() < until; done += 1)
        await session.call(
          new Api.messages.SendMessage({
            peer: new Api.InputPeerSelf(),
            message: 'a message of the benchmark',
            randomId: wireLong(randomBytes(8).readBigInt64LE()),
          }),
          { deadlineMs: 10_000 },
        );
    }),
  );
  const { user, system } = process.cpuUsage(used);
  say({ rate: (1_000 * done) / (performance.now() - startedAt), cpuMicros: (user + system) / done });
}
process.exit();

function say(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

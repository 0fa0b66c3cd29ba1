import { randomUUIDv7 } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pause, systemClock } from '#lib/lifecycle/clock.ts';
import { renderMaterial } from '#lib/telegram/material/detect.ts';
import { createRandom } from '../robustness/random.ts';
import { startMessagingMesh, type MessagingMesh, type TestSession } from '../support/messaging.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import { readWithTelethon, telethonMissing } from '../support/telethon.ts';

const SENDERS = 8;
const KILLS = 20;
const DEADLINE_MS = 5_000;

describe.skipIf(telethonMissing)(`read through Telethon ${telethonMissing ?? ''}`, () => {
  let mesh: MessagingMesh;
  beforeAll(async () => {
    mesh = await startMessagingMesh({ replicas: 3 });
  });
  afterAll(() => mesh.stop());

  test(`after ${KILLS} kills at random moments every acknowledged send is in the recipient's history, all of them once`, async () => {
    const tenantId = randomUUIDv7();
    const random = createRandom('kills');
    const bob = mesh.telegram.account();
    const senders = await Promise.all(Array.from({ length: SENDERS }, () => mesh.session(tenantId)));
    const runningOf = (process: ServiceProcess) => ({
      process,
      client: mesh.client(tenantId, { address: process.address }),
    });
    const running = mesh.replicas.map(runningOf);
    const starting: Promise<void>[] = [];
    const stopping = new AbortController();
    const acknowledged = new Map<number, Map<string, Set<bigint>>>();

    async function sendFrom({ account, accountId }: TestSession): Promise<void> {
      const own = new Map<string, Set<bigint>>();
      acknowledged.set(account.id, own);
      const actor = { actor: { case: 'accountId', value: accountId } } as const;
      for (let count = 1; !stopping.signal.aborted; count += 1) {
        const text = `message ${count}`;
        const request = { actor, peer: bob.phone, text, requestId: randomUUIDv7() };
        // Asked for until it is acknowledged, and once more: the same message.
        for (let wanted = 2; wanted > 0;) {
          const { client } = random.pick(running);
          const answer = await client
            .sendMessage(request, { deadlineMs: DEADLINE_MS })
            .catch(() => pause(systemClock, random.between(20, 200)));
          if (!answer) continue;
          wanted -= 1;
          own.set(text, (own.get(text) ?? new Set()).add(answer.message!.messageId));
        }
      }
    }

    const sending = Promise.all(senders.map(sendFrom));
    const { counters } = mesh.telegram.telegram.log;
    const sent = (): number => counters.callsByMethod.get('messages.sendMessage') ?? 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const from = sent();
      await expect.poll(sent, { timeout: 60_000, interval: 5 }).toBeGreaterThan(from + random.integer(0, 8));
      await expect.poll(() => running.length, { timeout: 60_000 }).toBeGreaterThan(1);
      const [killed] = running.splice(random.integer(0, running.length - 1), 1);
      await killed!.process.stop('SIGKILL');
      starting.push(mesh.replica().then((process) => void running.push(runningOf(process))));
    }
    await Promise.all(starting);
    stopping.abort();
    await sending;

    const { key } = mesh.telegram.telegram.makeAuthorizedKey(bob);
    const { host, port } = mesh.telegram.telegram.dataCenters.find(({ id }) => id === bob.dataCenter)!;
    const material = { dataCenter: bob.dataCenter, authKey: key, address: { host, port } };
    const chats = await readWithTelethon(Buffer.from(renderMaterial(material, 'telethon-string')).toString());
    for (const [sender, texts] of acknowledged) {
      expect(texts.size).toBeGreaterThan(0);
      // Each was acknowledged as one message, whatever happened between.
      expect([...texts.values()].map(({ size }) => size)).toEqual([...texts.values()].map(() => 1));
      expect(chats.get(sender)?.toSorted()).toEqual([...texts.keys()].toSorted());
    }
    expect(await mesh.doubledKeys()).toEqual([]);
  }, 400_000);
});

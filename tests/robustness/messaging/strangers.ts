import { FaultMoment } from '#gen/telegate/local_telegram/v1/faults_pb.ts';
import { pause } from '../time.ts';
import type { Member } from './mesh.ts';
import type { Post } from './post.ts';

const EVERY_MS = 80;
const TROUBLE_EVERY_MS = 2_500;

let said = 0;

/** What people who are not of the mesh write to its accounts, all the time. */
export async function startStrangers({ mesh, random, signal }: Post): Promise<void> {
  const chance = random.fork('strangers');
  while (!signal.aborted) {
    said += 1;
    await say(mesh.control, chance.pick(mesh.strangers), chance.pick(mesh.members), `word ${said}`);
    await pause(chance.between(0, 2 * EVERY_MS), signal);
  }
}

export async function say(
  control: Post['mesh']['control'],
  from: string,
  to: Member,
  text: string,
): Promise<void> {
  await control.sendMessage({
    accountId: from,
    to: { peer: { case: 'accountId', value: to.user } },
    text,
  });
}

/** Telegram's own bad moments: an answer that never comes, a connection dropped around a send, a wait, an error. */
export async function startTrouble({ mesh, random, signal }: Post): Promise<void> {
  const chance = random.fork('trouble');
  const moments = [FaultMoment.BEFORE_CALL, FaultMoment.AFTER_CALL];
  while (!signal.aborted) {
    await pause(chance.between(0, 2 * TROUBLE_EVERY_MS), signal);
    const moment = chance.pick(moments);
    const fault = chance.pick([
      { case: 'silence' as const, value: { moment } },
      { case: 'drop' as const, value: { moment } },
      { case: 'drop' as const, value: { moment: FaultMoment.MID_ANSWER } },
      { case: 'floodWait' as const, value: { wait: { seconds: BigInt(chance.integer(1, 4)) } } },
      { case: 'rpcError' as const, value: { code: 500, text: 'INTERNAL' } },
      { case: 'delay' as const, value: { delay: { seconds: 1n } } },
    ]);
    const { user } = chance.pick([...mesh.members, ...mesh.lent]);
    await mesh.control.createFault({
      spec: {
        scope: { accountIds: [user], methods: ['messages.sendMessage'] },
        count: 1,
        fault: fault as never,
      },
    });
  }
  await mesh.control.deleteAllFaults({});
}

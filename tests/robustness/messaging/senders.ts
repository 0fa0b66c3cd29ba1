import { randomUUIDv7 } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ActorSchema } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import { MessagingService } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import type { Client } from '#lib/rpc/client.ts';
import { monotonic, pause } from '../time.ts';
import { judgeError } from '../traffic/attempt.ts';
import { callerOf, clientsOf } from './clients.ts';
import type { SendEntry } from './entries.ts';
import type { Member } from './mesh.ts';
import type { Post } from './post.ts';

/** One message that somebody wants sent; repeated with the same request_id until it is acknowledged. */
export interface Wish {
  readonly request: string;
  readonly from: Member;
  readonly to: Member;
  readonly text: string;
}

const DEADLINE_MS = 6_000;

let count = 0;

export function newWish(from: Member, to: Member): Wish {
  count += 1;
  return { request: randomUUIDv7(), from, to, text: `message ${count} of ${from.user}` };
}

/** One attempt, written down; answers how it ended. */
export async function send(
  { recorder }: Post,
  client: Client<typeof MessagingService>,
  { request, from, to, text }: Wish,
  how: { actor: MessageInitShape<typeof ActorSchema>; under: SendEntry['under']; replica: number },
): Promise<SendEntry> {
  const about = { request, account: from.accountId, to: to.accountId, text, replica: how.replica };
  const t = monotonic();
  const outcome = await client
    .sendMessage({ actor: how.actor, peer: to.phone, text, requestId: request }, { deadlineMs: DEADLINE_MS })
    .then(
      ({ message }) => ({ outcome: 'ok' as const, message: Number(message!.messageId) }),
      (error: unknown) => judgeError(error),
    );
  const entry: SendEntry = { kind: 'send', t, end: monotonic(), ...about, under: how.under, ...outcome };
  recorder.write(entry);
  return entry;
}

/** Who sends, and when each account's messages last went through. */
export interface Senders {
  readonly done: Promise<void>;
  /** The oldest "last acknowledged" of the accounts, on the monotonic clock. */
  slowest(): number;
}

/** One loop an account: what is not acknowledged is asked for again, at either replica, until it is. */
export function startSenders(post: Post): Senders {
  const { mesh, recorder, random, signal, lastCall } = post;
  const { members } = mesh;
  const tenantId = members[0]!.tenantId;
  const clients = clientsOf(
    MessagingService,
    mesh.addresses,
    mesh.cluster.meshKey,
    callerOf(tenantId, 'key:sender'),
  );
  const acknowledgedAt = new Map(members.map(({ accountId }) => [accountId, monotonic()]));

  async function sendFrom(from: Member, chance: typeof random): Promise<void> {
    const actor = { actor: { case: 'accountId', value: from.accountId } } as const;
    while (!signal.aborted) {
      const others = members.filter((one) => one !== from);
      const wish = newWish(from, chance.pick(chance.chance(0.9) ? others : mesh.lent));
      for (;;) {
        const replica = chance.integer(0, 1);
        const entry = await send(post, clients.at(replica), wish, { actor, under: 'account', replica });
        if (entry.outcome === 'ok') {
          acknowledgedAt.set(from.accountId, entry.end);
          // Whoever is not sure asks again, also for what was acknowledged.
          if (chance.chance(0.1))
            await send(post, clients.at(1 - replica), wish, {
              actor,
              under: 'account',
              replica: 1 - replica,
            });
          break;
        }
        if (lastCall.aborted) {
          recorder.write({ kind: 'given-up', t: monotonic(), request: wish.request, reason: entry.reason! });
          break;
        }
        await pause(chance.between(50, 400));
      }
      await pause(chance.between(40, 250), signal);
    }
  }

  const loops = members.map((member, index) => sendFrom(member, random.fork(`sender ${index}`)));
  return {
    done: Promise.all(loops).then(() => clients.close()),
    slowest: () => Math.min(...acknowledgedAt.values()),
  };
}

import type { MessagingService } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import type { Client } from '#lib/rpc/client.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import type { Parent } from '../engagement.ts';
import type { Started } from './started.ts';

type Messaging = Client<typeof MessagingService>;

export const actorOf = ({ accountId }: Pick<Started, 'accountId'>) =>
  ({ actor: { case: 'accountId', value: accountId } }) as const;

/**
 * Does `work`, which names the channel by messaging's name for it: usernames change hands, and a repeat has to be the
 * same request. An account that never met the channel is shown it first.
 */
export async function inChannel<T>(
  messaging: Messaging,
  action: Started,
  parent: Parent,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isUnmet(error) || !(await meet(messaging, action, parent))) throw error;
    return work();
  }
}

function isUnmet(error: unknown): boolean {
  return (
    error instanceof DomainError &&
    error.reason === ErrorReason.NOT_FOUND &&
    error.metadata['resource'] === 'peer'
  );
}

/** What a page of dialogs may hold, at most. */
const DIALOGS = 100;

/** Answers whether the account knows the channel now. */
async function meet(messaging: Messaging, action: Started, parent: Parent): Promise<boolean> {
  const actor = actorOf(action);
  if (action.username !== '') {
    const { peer } = await messaging.resolvePeer({ actor, peer: `@${action.username}` }, { parent });
    return peer?.peer === action.channel;
  }
  // A private channel: its members have it among their chats.
  const { dialogs } = await messaging.listDialogs({ actor, pageSize: DIALOGS }, { parent });
  return dialogs.some(({ peer }) => peer?.peer === action.channel);
}

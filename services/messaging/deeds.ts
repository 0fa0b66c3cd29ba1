import type { Actor } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import { withDeeds } from '#lib/rpc/deeds.ts';
import type { LineFields } from '#lib/telemetry/lines.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { MessagingHandlers } from './routes.ts';

interface Sent {
  message?: { peer?: { peer?: string }; messageId?: bigint };
}

/** What goes out in an account's name is told in the log: by whom, where and which; never what it says. */
export function tellingSends(log: Logger, handlers: Partial<MessagingHandlers>): Partial<MessagingHandlers> {
  return withDeeds<Partial<MessagingHandlers>>(
    log,
    'send',
    {
      sendMessage: { event: 'message_sent', about: sent },
      editMessage: { event: 'message_edited', about: sent },
      sendComment: { event: 'comment_sent', about: sent },
      sendReaction: {
        event: 'reaction_sent',
        about: ({ actor, messageId }) => ({ ...actorOf(actor), message_id: messageId.toString() }),
      },
      deleteMessages: {
        event: 'messages_deleted',
        about: ({ actor }, answer) => ({ ...actorOf(actor), count: answer?.deletedCount }),
      },
    },
    handlers,
  );
}

function sent({ actor }: { actor?: Actor }, answer: Sent | undefined): LineFields {
  return {
    ...actorOf(actor),
    peer: answer?.message?.peer?.peer,
    message_id: answer?.message?.messageId?.toString(),
  };
}

function actorOf(actor: Actor | undefined): LineFields {
  switch (actor?.actor.case) {
    case 'accountId':
      return { account_id: actor.actor.value.slice(0, 64) };
    case 'sessionId':
      return { session_id: actor.actor.value.toString() };
    case 'lease':
      return { lease_id: actor.actor.value.leaseId.slice(0, 64) };
    default:
      return {};
  }
}

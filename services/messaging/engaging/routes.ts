import {
  SendCommentRequestSchema,
  type MessagingService,
} from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import { text as plainText, throwIfAny } from '#lib/requests/validate.ts';
import { messageId } from '../message-id.ts';
import { readTarget } from '../peers/target.ts';
import { withPeer } from '../peers/with-peer.ts';
import { readRequestId, requestKey } from '../sending/requests.ts';
import type { Sending } from '../sending/sending.ts';
import { LONGEST_TEXT, readText } from '../text/entities.ts';
import { sendComment } from './comment.ts';
import { sendReaction } from './reaction.ts';
import { readRole } from './role.ts';

export type EngagingHandlers = Pick<
  Handlers<typeof MessagingService>,
  'sendComment' | 'sendReaction' | 'getChannelRole'
>;

/** The longest emoji of all, families with skin colours, are shorter. */
const LONGEST_EMOJI = 32;

export function engagingRoutes(sending: Sending): EngagingHandlers {
  const { connections, book } = sending;
  return {
    async sendComment(request, ctx) {
      const violations: FieldViolation[] = [];
      const { actor, channel, postId, format } = request;
      readRequestId(violations, request.requestId);
      const wish = {
        target: readTarget(violations, 'channel', channel),
        postId: messageId(violations, 'post_id', postId),
        text: readText(violations, 'text', request.text, { format, longest: LONGEST_TEXT }),
      };
      throwIfAny(violations);
      const body = { ...request, actor: undefined };
      const key = requestKey(ctx.principal, 'SendComment', request.requestId, SendCommentRequestSchema, body);
      return { message: await sendComment(sending, ctx, actor, key, wish) };
    },

    async sendReaction(request, ctx) {
      const violations: FieldViolation[] = [];
      const wish = {
        target: readTarget(violations, 'peer', request.peer),
        messageId: messageId(violations, 'message_id', request.messageId),
        emoji: plainText(violations, 'emoji', request.emoji, { max: LONGEST_EMOJI }),
      };
      throwIfAny(violations);
      return { reactions: await sendReaction(sending, ctx, request.actor, wish) };
    },

    async getChannelRole(request, ctx) {
      const violations: FieldViolation[] = [];
      const target = readTarget(violations, 'channel', request.channel);
      throwIfAny(violations);
      return connections.use(request.actor, ctx, (session) =>
        withPeer(book, session, target, (peer) => readRole(book, session, peer)),
      );
    },
  };
}

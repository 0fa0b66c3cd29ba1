import type { MessagingService } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import { throwIfAny } from '#lib/requests/validate.ts';
import { messageId } from '../message-id.ts';
import { readTarget } from '../peers/target.ts';
import { LONGEST_TEXT, readText } from '../text/entities.ts';
import { deleteMessages, editMessage } from './change.ts';
import { readSend, sendKey } from './requests.ts';
import { sendMessage } from './send.ts';
import type { Sending } from './sending.ts';

export type SendingHandlers = Pick<
  Handlers<typeof MessagingService>,
  'sendMessage' | 'editMessage' | 'deleteMessages'
>;

const MOST_DELETED = 100;

export function sendingRoutes(sending: Sending): SendingHandlers {
  return {
    async sendMessage(request, ctx) {
      const violations: FieldViolation[] = [];
      const wish = readSend(violations, request, sending.clock);
      throwIfAny(violations);
      const key = sendKey(ctx.principal, request);
      return { message: await sendMessage(sending, ctx, request.actor, key, wish) };
    },

    async editMessage(request, ctx) {
      const violations: FieldViolation[] = [];
      const { format } = request;
      const wish = {
        target: readTarget(violations, 'peer', request.peer),
        messageId: messageId(violations, 'message_id', request.messageId),
        text: readText(violations, 'text', request.text, { format, longest: LONGEST_TEXT }),
      };
      throwIfAny(violations);
      return { message: await editMessage(sending, ctx, request.actor, wish) };
    },

    async deleteMessages(request, ctx) {
      const violations: FieldViolation[] = [];
      const target = readTarget(violations, 'peer', request.peer);
      const { length } = request.messageIds;
      if (length === 0 || length > MOST_DELETED)
        violations.push({ field: 'message_ids', description: `has ${length}; send 1 to ${MOST_DELETED}` });
      const messageIds = request.messageIds
        .slice(0, MOST_DELETED)
        .map((id, index) => messageId(violations, `message_ids[${index}]`, id));
      throwIfAny(violations);
      const { onlyForMe } = request;
      const deletedCount = await deleteMessages(sending, ctx, request.actor, {
        target,
        messageIds,
        onlyForMe,
      });
      return { deletedCount };
    },
  };
}

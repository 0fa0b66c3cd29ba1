import { MessagingService } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { implement, type Handlers, type Implementation } from '#lib/rpc/implement.ts';
import { NotServedYet } from './errors.ts';

export type MessagingHandlers = Handlers<typeof MessagingService>;

/** Each capability brings the handlers of its calls. */
export function messagingRoutes(handlers: Partial<MessagingHandlers>): Implementation {
  return implement(
    MessagingService,
    { ...notServedYet, ...handlers },
    {
      sendMessage: 'message:send',
      editMessage: 'message:send',
      deleteMessages: 'message:send',
      listDialogs: 'message:read',
      listUnread: 'message:read',
      getHistory: 'message:read',
      markRead: 'message:send',
      getMe: 'message:read',
      resolvePeer: 'message:read',
      getPosts: 'message:read',
      sendComment: 'engage:write',
      sendReaction: 'engage:write',
      getChannelRole: 'message:read',
      watchMessages: 'message:read',
      listConnections: 'account:read',
    },
    { longLived: ['watchMessages'] },
  );
}

const refuse = (): Promise<never> => Promise.reject(new NotServedYet());

const notServedYet: MessagingHandlers = {
  sendMessage: refuse,
  editMessage: refuse,
  deleteMessages: refuse,
  listDialogs: refuse,
  listUnread: refuse,
  getHistory: refuse,
  markRead: refuse,
  getMe: refuse,
  resolvePeer: refuse,
  getPosts: refuse,
  sendComment: refuse,
  sendReaction: refuse,
  getChannelRole: refuse,
  watchMessages: refuse,
  listConnections: refuse,
};

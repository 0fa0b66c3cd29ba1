import { HistoryOrder, type MessagingService } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import { pageToken, readPageToken, readTextPageToken, textPageToken } from '#lib/requests/page-token.ts';
import { oneOf, throwIfAny } from '#lib/requests/validate.ts';
import { actorKey } from '../actor-key.ts';
import { checkChannel } from '../engaging/errors.ts';
import { messageId } from '../message-id.ts';
import { messageOf } from '../messages.ts';
import type { KnownPeer } from '../peers/store.ts';
import { readTarget } from '../peers/target.ts';
import { withPeer } from '../peers/with-peer.ts';
import { readMessages } from './by-id.ts';
import { readDialogs } from './dialogs.ts';
import { readHistory } from './history.ts';
import { markRead } from './mark-read.ts';
import { pageSize } from './paging.ts';
import type { Reading } from './reading.ts';
import { readUnread } from './unread.ts';

export type ReadingHandlers = Pick<
  Handlers<typeof MessagingService>,
  'listDialogs' | 'listUnread' | 'getHistory' | 'markRead' | 'getPosts'
>;

const ORDERS = [HistoryOrder.UNSPECIFIED, HistoryOrder.NEWEST_FIRST, HistoryOrder.OLDEST_FIRST];
const MOST_POSTS = 100;

export function readingRoutes(reading: Reading): ReadingHandlers {
  const { connections, book } = reading;
  return {
    async listDialogs(request, ctx) {
      const violations: FieldViolation[] = [];
      const filter = ['ListDialogs', ctx.principal.tenantId, actorKey(request.actor)];
      const limit = pageSize(violations, request.pageSize);
      const after = readTextPageToken(violations, 'page_token', request.pageToken, filter) ?? '';
      throwIfAny(violations);
      const { dialogs, next } = await connections.use(request.actor, ctx, (session) =>
        readDialogs(reading, session, { after, limit }),
      );
      return {
        dialogs: dialogs.map(({ dialog }) => dialog),
        nextPageToken: next === '' ? '' : textPageToken(filter, next),
      };
    },

    async listUnread(request, ctx) {
      const violations: FieldViolation[] = [];
      const { actor, peer } = request;
      const filter = ['ListUnread', ctx.principal.tenantId, actorKey(actor), peer];
      const target = peer === '' ? undefined : readTarget(violations, 'peer', peer);
      const limit = pageSize(violations, request.pageSize);
      const after = readTextPageToken(violations, 'page_token', request.pageToken, filter) ?? '';
      throwIfAny(violations);
      const { messages, total, next } = await connections.use(actor, ctx, (session) => {
        const read = (known?: KnownPeer) => readUnread(reading, session, { peer: known, after, limit });
        return target ? withPeer(book, session, target, read) : read();
      });
      return {
        messages: [...messages],
        totalCount: total,
        nextPageToken: next === '' ? '' : textPageToken(filter, next),
      };
    },

    async getHistory(request, ctx) {
      const violations: FieldViolation[] = [];
      const { actor, peer, order, fromMessageId } = request;
      const filter = ['GetHistory', ctx.principal.tenantId, actorKey(actor), peer, order, fromMessageId];
      const target = readTarget(violations, 'peer', peer);
      oneOf(violations, 'order', order, ORDERS, 'send newest first or oldest first');
      const first = messageId(violations, 'from_message_id', fromMessageId, { optional: true });
      const limit = pageSize(violations, request.pageSize);
      const after = readPageToken(violations, 'page_token', request.pageToken, filter);
      throwIfAny(violations);
      const from = after === 0n ? first : Number(after);
      const page = await connections.use(actor, ctx, (session) =>
        withPeer(book, session, target, (known) =>
          readHistory(book, session, known, {
            oldestFirst: order === HistoryOrder.OLDEST_FIRST,
            from,
            limit,
          }),
        ),
      );
      return {
        messages: [...page.messages],
        nextPageToken: page.next === undefined ? '' : pageToken(filter, BigInt(page.next)),
      };
    },

    async markRead(request, ctx) {
      const violations: FieldViolation[] = [];
      const target = readTarget(violations, 'peer', request.peer);
      const upTo = messageId(violations, 'up_to_message_id', request.upToMessageId, { optional: true });
      throwIfAny(violations);
      const unreadCount = await connections.use(request.actor, ctx, (session) =>
        withPeer(book, session, target, (known) => markRead(reading, session, known, upTo)),
      );
      return { unreadCount };
    },

    async getPosts(request, ctx) {
      const violations: FieldViolation[] = [];
      const { actor, channel, commentsOfPostId } = request;
      const filter = ['GetPosts', ctx.principal.tenantId, actorKey(actor), channel, commentsOfPostId];
      const target = readTarget(violations, 'channel', channel);
      const commentsOf = messageId(violations, 'comments_of_post_id', commentsOfPostId, { optional: true });
      if (request.postIds.length > MOST_POSTS)
        violations.push({
          field: 'post_ids',
          description: `has ${request.postIds.length}; send at most ${MOST_POSTS}`,
        });
      else if (request.postIds.length > 0 && (commentsOf !== 0 || request.pageToken !== ''))
        violations.push({
          field: 'post_ids',
          description: 'goes without comments_of_post_id and page_token',
        });
      const postIds = request.postIds
        .slice(0, MOST_POSTS)
        .map((id, index) => messageId(violations, `post_ids[${index}]`, id));
      const limit = pageSize(violations, request.pageSize);
      const after = readPageToken(violations, 'page_token', request.pageToken, filter);
      throwIfAny(violations);
      const { posts, next } = await connections.use(actor, ctx, (session) =>
        withPeer(book, session, target, async (known) => {
          checkChannel(known);
          if (postIds.length > 0) {
            const { messages, entities } = await readMessages(book, session, known, postIds);
            const byId = new Map(messages.map((one) => [one.id, messageOf(one, entities, session.userId)]));
            return { posts: postIds.flatMap((id) => byId.get(id) ?? []), next: undefined };
          }
          const page = await readHistory(book, session, known, {
            oldestFirst: false,
            from: Number(after),
            limit,
            ...(commentsOf === 0 ? {} : { commentsOf }),
          });
          return { posts: [...page.messages], next: page.next };
        }),
      );
      return { posts, nextPageToken: next === undefined ? '' : pageToken(filter, BigInt(next)) };
    },
  };
}

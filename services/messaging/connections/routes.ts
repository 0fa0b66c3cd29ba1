import { listConnections, type ListingParts } from './listing.ts';
import type { Connections } from './live-session.ts';
import { Api } from '#lib/telegram/client.ts';
import { NotFound } from '#lib/rpc/errors.ts';
import { PeerKind } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { MessagingHandlers } from '../routes.ts';

export function connectionRoutes(
  connections: Connections,
  listing: ListingParts,
): Pick<MessagingHandlers, 'getMe' | 'listConnections'> {
  return {
    listConnections: (request, ctx) => listConnections(listing, request, ctx),
    getMe: ({ actor }, ctx) =>
      connections.use(actor, ctx, async (session) => {
        const [me] = await session.call(new Api.users.GetUsers({ id: [new Api.InputUserSelf()] }));
        if (!(me instanceof Api.User)) throw new NotFound('account', session.accountId);
        return {
          me: {
            peer: `user:${String(me.id)}`,
            kind: PeerKind.USER,
            title: [me.firstName, me.lastName].filter(Boolean).join(' '),
            username: me.username ?? '',
            phone: me.phone ? `+${me.phone}` : '',
          },
          premium: me.premium ?? false,
        };
      }),
  };
}

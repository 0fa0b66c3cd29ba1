import type { MessagingService } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import { throwIfAny } from '#lib/requests/validate.ts';
import type { Messaging } from '../messaging.ts';
import type { PeerBook } from './book.ts';
import { readTarget } from './target.ts';

export function peerRoutes({
  connections,
  book,
}: Messaging & { readonly book: PeerBook }): Pick<Handlers<typeof MessagingService>, 'resolvePeer'> {
  return {
    async resolvePeer(request, ctx) {
      const violations: FieldViolation[] = [];
      const target = readTarget(violations, 'peer', request.peer);
      throwIfAny(violations);
      const { form, kind, title, username, phone } = await connections.use(request.actor, ctx, (session) =>
        book.resolve(session, target),
      );
      return { peer: { peer: form, kind, title, username, phone } };
    },
  };
}

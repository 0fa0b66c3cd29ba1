import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  MessagingService,
  SendCommentRequestSchema,
  SendCommentResponse,
} from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import type { Client } from '#lib/rpc/client.ts';
import type { CallOptions } from '#lib/rpc/client-state.ts';
import { checkDisclosed } from './disclosure.ts';

type CommentRequest = MessageInitShape<typeof SendCommentRequestSchema> & { readonly text: string };

/** The one way in which a comment leaves this service: with the line, or not at all. */
export async function sendDisclosed(
  messaging: Pick<Client<typeof MessagingService>, 'sendComment'>,
  line: string,
  request: CommentRequest,
  options: CallOptions,
): Promise<SendCommentResponse> {
  checkDisclosed(request.text, line);
  return messaging.sendComment(request, options);
}

import { create } from '@bufbuild/protobuf';
import {
  GetChannelRoleResponseSchema,
  type GetChannelRoleResponse,
} from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { ChannelRole } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import { Api } from '#lib/telegram/client.ts';
import { TelegramRefused } from '#lib/telegram/errors.ts';
import type { LiveSession } from '../connections/live-session.ts';
import { formOfEntity, peerOf } from '../messages.ts';
import { inputChannelOf, type PeerBook } from '../peers/book.ts';
import type { KnownPeer } from '../peers/store.ts';
import { checkChannel } from './errors.ts';

/** What the account is in a channel, as Telegram says now. */
export async function readRole(
  book: PeerBook,
  session: LiveSession,
  peer: KnownPeer,
): Promise<GetChannelRoleResponse> {
  checkChannel(peer);
  const channel = inputChannelOf(peer)!;
  const limits = { peer: peer.form };
  const shown = await book.call(session, new Api.channels.GetChannels({ id: [channel] }), limits);
  const entity = shown.chats.find((one) => formOfEntity(one) === peer.form);
  const response = create(GetChannelRoleResponseSchema, { channel: peerOf(peer.form, entity) });
  if (entity?.className !== 'Channel') {
    // One that may not be looked into: the account was thrown out, or the channel is no more.
    response.role = ChannelRole.BANNED;
    return response;
  }
  const participant = await own(book, session, channel, limits);
  response.role = roleOf(participant);
  response.canPost = mayPost(entity, participant);
  await addFull(book, session, { channel, limits, response });
  return response;
}

async function own(
  book: PeerBook,
  session: LiveSession,
  channel: Api.InputChannel,
  limits: { peer: string },
): Promise<Api.TypeChannelParticipant | undefined> {
  const participant = new Api.InputPeerSelf();
  try {
    const answer = await book.call(
      session,
      new Api.channels.GetParticipant({ channel, participant }),
      limits,
    );
    return answer.participant;
  } catch (error) {
    if (error instanceof TelegramRefused && error.telegramError.type === 'USER_NOT_PARTICIPANT')
      return undefined;
    throw error;
  }
}

function roleOf(participant: Api.TypeChannelParticipant | undefined): ChannelRole {
  switch (participant?.className) {
    case 'ChannelParticipantCreator':
      return ChannelRole.CREATOR;
    case 'ChannelParticipantAdmin':
      return ChannelRole.ADMIN;
    case 'ChannelParticipant':
    case 'ChannelParticipantSelf':
      return ChannelRole.MEMBER;
    case 'ChannelParticipantBanned':
      return participant.left || participant.bannedRights.viewMessages
        ? ChannelRole.BANNED
        : ChannelRole.MEMBER;
    default:
      return ChannelRole.NONE;
  }
}

function mayPost(channel: Api.Channel, participant: Api.TypeChannelParticipant | undefined): boolean {
  switch (participant?.className) {
    case 'ChannelParticipantCreator':
      return true;
    case 'ChannelParticipantAdmin':
      return !channel.broadcast || participant.adminRights.postMessages === true;
    case 'ChannelParticipantBanned':
      return (
        !channel.broadcast && participant.left !== true && participant.bannedRights.sendMessages !== true
      );
    case 'ChannelParticipant':
    case 'ChannelParticipantSelf':
      return !channel.broadcast && channel.defaultBannedRights?.sendMessages !== true;
    default:
      return false;
  }
}

interface Filling {
  readonly channel: Api.InputChannel;
  readonly limits: { peer: string };
  readonly response: GetChannelRoleResponse;
}

/** Where comments go, and which reactions it takes. */
async function addFull(
  book: PeerBook,
  session: LiveSession,
  { channel, limits, response }: Filling,
): Promise<void> {
  const { fullChat, chats } = await book.call(session, new Api.channels.GetFullChannel({ channel }), limits);
  if (fullChat.className !== 'ChannelFull') return;
  const linkedId = fullChat.linkedChatId?.toString();
  if (linkedId !== undefined) {
    const form = `channel:${linkedId}` as const;
    response.discussionGroup = peerOf(
      form,
      chats.find((one) => formOfEntity(one) === form),
    );
  }
  const allowed = fullChat.availableReactions;
  response.allReactions = allowed?.className === 'ChatReactionsAll';
  if (allowed?.className === 'ChatReactionsSome')
    response.allowedReactions = allowed.reactions.flatMap((one) =>
      one.className === 'ReactionEmoji' ? [one.emoticon] : [],
    );
}

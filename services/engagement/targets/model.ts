import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { ChannelRole, PeerKind } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { GetChannelRoleResponse } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import { reasonName } from '#lib/rpc/status.ts';

/** A channel as Telegram shows it to who administers it. */
export interface SeenChannel {
  readonly channel: string;
  readonly title: string;
  readonly username: string;
  /** Empty: comments are closed. */
  readonly linkedGroup: string;
  readonly allowedReactions: readonly string[];
  readonly allReactions: boolean;
}

/** What an account's answer says of who administers a channel. */
export type Verdict =
  | { readonly kind: 'administers'; readonly seen: SeenChannel }
  | { readonly kind: 'does_not'; readonly why: string }
  /** It could not be asked now. */
  | { readonly kind: 'unknown'; readonly why: string; readonly error: DomainError };

/** `channel`: the one that is meant, where it is known: usernames change hands. */
export function verdictOfRole(response: GetChannelRoleResponse, channel?: string): Verdict {
  const { channel: peer, role, canPost, discussionGroup, allowedReactions, allReactions } = response;
  if (!peer || (channel !== undefined && peer.peer !== channel))
    return { kind: 'does_not', why: 'its username is another channel now' };
  if (role === ChannelRole.CREATOR || (role === ChannelRole.ADMIN && canPost)) {
    if (peer.kind !== PeerKind.CHANNEL) return { kind: 'does_not', why: 'it is a group, not a channel' };
    return {
      kind: 'administers',
      seen: {
        channel: peer.peer,
        title: peer.title,
        username: peer.username,
        linkedGroup: discussionGroup?.peer ?? '',
        allowedReactions,
        allReactions,
      },
    };
  }
  return { kind: 'does_not', why: WHY[role] ?? 'its role is not known' };
}

const WHY: Readonly<Partial<Record<ChannelRole, string>>> = {
  [ChannelRole.UNSPECIFIED]: 'Telegram does not say what it is there',
  [ChannelRole.CREATOR]: '',
  [ChannelRole.ADMIN]: 'it is an administrator who may not post',
  [ChannelRole.MEMBER]: 'it is a member only',
  [ChannelRole.NONE]: 'it is not in the channel',
  [ChannelRole.BANNED]: 'it was thrown out, or the channel is no more',
};

const UNKNOWN: ReadonlySet<ErrorReason> = new Set([
  ErrorReason.FLOOD_WAIT,
  ErrorReason.BREAKER_OPEN,
  ErrorReason.TELEGRAM_UNREACHABLE,
  ErrorReason.SESSION_LEASED,
  ErrorReason.EGRESS_CLAIMED,
  ErrorReason.NO_FREE_SESSION,
  ErrorReason.NO_EGRESS,
  ErrorReason.LEASE_LOST,
  ErrorReason.QUOTA_EXCEEDED,
  ErrorReason.QUEUE_FULL,
  ErrorReason.TOO_MANY_STREAMS,
  ErrorReason.GOING_AWAY,
  ErrorReason.DEPENDENCY_UNAVAILABLE,
  ErrorReason.DEADLINE_EXCEEDED,
  ErrorReason.INTERNAL,
]);

/** What keeps one account from answering, and says nothing of others. */
const OF_ACCOUNT: ReadonlySet<ErrorReason> = new Set([
  ErrorReason.FLOOD_WAIT,
  ErrorReason.SESSION_LEASED,
  ErrorReason.EGRESS_CLAIMED,
  ErrorReason.NO_FREE_SESSION,
  ErrorReason.NO_EGRESS,
  ErrorReason.LEASE_LOST,
  ErrorReason.SESSION_UNUSABLE,
]);

export function isOfAccount({ reason }: DomainError): boolean {
  return OF_ACCOUNT.has(reason);
}

const NO: ReadonlySet<ErrorReason> = new Set([
  ErrorReason.NEEDS_LOGIN,
  ErrorReason.ACCOUNT_BANNED,
  ErrorReason.SESSION_UNUSABLE,
  ErrorReason.NOT_FOUND,
  ErrorReason.TELEGRAM_REFUSED,
]);

/** Undefined for a fault of the request, which no other account would mend. */
export function verdictOfError(error: unknown): Verdict | undefined {
  if (!(error instanceof DomainError)) return undefined;
  const { reason, message } = error;
  if (UNKNOWN.has(reason) || error.metadata['state'] === 'quarantined')
    return { kind: 'unknown', why: reasonName(reason), error };
  return NO.has(reason) ? { kind: 'does_not', why: message } : undefined;
}

const BARE_USERNAME = /^[a-z][a-z0-9_]{3,31}$/i;

/** As messaging takes it: it wants an @ before a username. */
export function channelWanted(value: string): string {
  const trimmed = value.trim();
  return BARE_USERNAME.test(trimmed) ? `@${trimmed}` : trimmed;
}

/** How an account that may never have met the channel names it. */
export function channelName({ channel, username }: { channel: string; username: string }): string {
  return username === '' ? channel : `@${username}`;
}

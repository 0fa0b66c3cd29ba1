import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ChannelRole, PeerKind } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import { GetChannelRoleResponseSchema } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { DeadlineExceeded, DependencyUnavailable, InvalidFields, NotFound } from '#lib/rpc/errors.ts';
import { NeedsLogin } from '../errors.ts';
import { channelName, channelWanted, verdictOfError, verdictOfRole } from './model.ts';

function answer(role: ChannelRole, more: { canPost?: boolean; kind?: PeerKind } = {}) {
  return create(GetChannelRoleResponseSchema, {
    channel: { peer: 'channel:1', kind: more.kind ?? PeerKind.CHANNEL, username: 'news' },
    role,
    canPost: more.canPost ?? false,
  });
}

test.each([
  ['its creator', answer(ChannelRole.CREATOR), 'administers'],
  ['an administrator who may post', answer(ChannelRole.ADMIN, { canPost: true }), 'administers'],
  ['an administrator who may not', answer(ChannelRole.ADMIN), 'does_not'],
  ['a member', answer(ChannelRole.MEMBER, { canPost: true }), 'does_not'],
  ['nobody there', answer(ChannelRole.NONE), 'does_not'],
  ['somebody thrown out', answer(ChannelRole.BANNED), 'does_not'],
  ['the creator of a group', answer(ChannelRole.CREATOR, { kind: PeerKind.CHAT }), 'does_not'],
])('%s', (_name, response, kind) => {
  expect(verdictOfRole(response).kind).toBe(kind);
});

test('a username that is another channel now proves nothing', () => {
  expect(verdictOfRole(answer(ChannelRole.CREATOR), 'channel:2')).toEqual({
    kind: 'does_not',
    why: 'its username is another channel now',
  });
});

test('what says nothing of rights is not a no', () => {
  expect(verdictOfError(new DeadlineExceeded())?.kind).toBe('unknown');
  expect(verdictOfError(new DependencyUnavailable('messaging'))?.kind).toBe('unknown');
  expect(verdictOfError(new NotFound('peer', 'x'))?.kind).toBe('does_not');
  expect(verdictOfError(new NeedsLogin('a', 'why'))?.kind).toBe('does_not');
  // A fault of the request is the caller's to mend.
  expect(verdictOfError(new InvalidFields([]))).toBeUndefined();
});

test('channels are named as messaging takes them', () => {
  expect(channelWanted(' news ')).toBe('@news');
  expect(channelWanted('https://t.me/news')).toBe('https://t.me/news');
  expect(channelName({ channel: 'channel:1', username: '' })).toBe('channel:1');
  expect(channelName({ channel: 'channel:1', username: 'news' })).toBe('@news');
});

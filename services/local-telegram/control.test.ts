import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import {
  AccountState,
  AuthorizationEnd,
  ChannelKind,
  ChannelRole,
  LoginCodeKind,
} from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { StatePart } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Api } from '../../tests/support/gramjs.ts';
import { startControl, type Control, type TestControl } from '../../tests/support/local-telegram-control.ts';
import { errorOf, startTestTelegram, type TestTelegram } from '../../tests/support/local-telegram.ts';

let world: TestTelegram;
let served: TestControl;
let control: Control;

beforeAll(async () => {
  world = await startTestTelegram();
  served = await startControl(world.telegram);
  ({ control } = served);
});

afterAll(async () => {
  await served.close();
  await world.close();
});

let next = 0;
const newPhone = () => `+1777${String((next += 1)).padStart(7, '0')}`;

async function newAccount(wanted: object = {}) {
  const { account } = await control.createAccount({ account: { phone: newPhone(), ...wanted } });
  return account!;
}

test('says where to connect and which key to trust', async () => {
  const info = await control.getServerInfo({});
  expect(info.dataCenters.map(({ dataCenter }) => dataCenter)).toEqual([2, 4]);
  expect(info).toMatchObject({ defaultDataCenter: 2, layer: 198, rsaExponent: 65_537n });
  expect(info.rsaPublicKeyPem).toContain('BEGIN RSA PUBLIC KEY');
  expect(info.rsaFingerprint).toMatch(/^[0-9a-f]{16}$/);
});

test('accounts are created, found, changed and listed; phones and usernames are taken once', async () => {
  const account = await newAccount({ firstName: 'Ada', username: 'ada_control', password: 'x' });
  expect(account).toMatchObject({
    firstName: 'Ada',
    hasPassword: true,
    dataCenter: 2,
    state: AccountState.ACTIVE,
  });
  const again = { phone: account.phone };
  await expect(control.createAccount({ account: again })).rejects.toMatchObject({
    reason: ErrorReason.ALREADY_EXISTS,
  });
  const batch = { accounts: [{ phone: newPhone() }, { phone: account.phone }] };
  await expect(control.createAccounts(batch)).rejects.toMatchObject({ reason: ErrorReason.ALREADY_EXISTS });
  const found = await control.getAccount({ name: { case: 'username', value: '@ADA_control' } });
  expect(found.account!.accountId).toBe(account.accountId);
  await expect(
    control.getAccount({ name: { case: 'phone', value: batch.accounts[0]!.phone } }),
  ).rejects.toMatchObject({
    reason: ErrorReason.NOT_FOUND,
  });
  const updated = await control.updateAccount({
    account: { accountId: account.accountId, premium: true },
    updateMask: { paths: ['premium', 'password'] },
  });
  expect(updated.account).toMatchObject({ premium: true, hasPassword: false, firstName: 'Ada' });
  const wrong = { account: { accountId: account.accountId }, updateMask: { paths: ['phone'] } };
  await expect(control.updateAccount(wrong)).rejects.toMatchObject({ reason: ErrorReason.INVALID_FIELD });
  const { nextPageToken } = await control.listAccounts({ pageSize: 1 });
  await expect(control.listChannels({ pageToken: nextPageToken || 'x' })).rejects.toMatchObject({
    reason: ErrorReason.INVALID_FIELD,
  });
});

test('a login code is waited for, and tells how it was sent', async () => {
  const account = await newAccount();
  await expect(control.getLoginCode({ phone: account.phone })).rejects.toMatchObject({
    reason: ErrorReason.NOT_FOUND,
  });
  const waiting = control.getLoginCode({ phone: account.phone, wait: { seconds: 10n } });
  const client = await world.connected();
  const settings = new Api.CodeSettings({});
  const send = new Api.auth.SendCode({ phoneNumber: account.phone, apiId: 1, apiHash: 'x', settings });
  const { phoneCodeHash } = (await client.invoke(send)) as Api.auth.SentCode;
  const { code } = await waiting;
  expect(code).toMatchObject({ phoneCodeHash, kind: LoginCodeKind.SMS });
  await client.invoke(
    new Api.auth.SignIn({ phoneNumber: account.phone, phoneCodeHash, phoneCode: code!.code }),
  );
  const listed = await control.listAuthorizations({ accountId: account.accountId, liveOnly: true });
  expect(listed.authorizations).toMatchObject([{ device: 'test', end: AuthorizationEnd.UNSPECIFIED }]);
});

test('keys are made and ended; each end has its error', async () => {
  const account = await newAccount();
  const { keys } = await control.createAuthorization({ accountId: account.accountId, count: 3 });
  const ends = [
    [AuthorizationEnd.REVOKED, 'SESSION_REVOKED'],
    [AuthorizationEnd.EXPIRED, 'SESSION_EXPIRED'],
    [AuthorizationEnd.LOGGED_OUT, 'AUTH_KEY_UNREGISTERED'],
  ] as const;
  for (const [index, [end, error]] of ends.entries()) {
    const { authorization, authKey } = keys[index]!;
    const client = await world.resumed(Buffer.from(authKey));
    await client.invoke(new Api.updates.GetState());
    await control.endAuthorization({ keyId: authorization!.keyId, end });
    const second = { keyId: authorization!.keyId, end: AuthorizationEnd.EXPIRED };
    expect((await control.endAuthorization(second)).authorization!.end).toBe(end);
    expect(await errorOf(client.invoke(new Api.updates.GetState()))).toBe(error);
  }
});

test('account states decide the errors of calls', async () => {
  const account = await newAccount();
  const { keys } = await control.createAuthorization({ accountId: account.accountId });
  const client = await world.resumed(Buffer.from(keys[0]!.authKey));
  const stateIs = (state: AccountState) =>
    control.updateAccount({
      account: { accountId: account.accountId, state },
      updateMask: { paths: ['state'] },
    });
  const typing = new Api.messages.SetTyping({
    peer: new Api.InputPeerSelf(),
    action: new Api.SendMessageTypingAction(),
  });
  await stateIs(AccountState.FROZEN);
  expect(await errorOf(client.invoke(typing))).toBe('FROZEN_METHOD_INVALID');
  await client.invoke(new Api.updates.GetState());
  await stateIs(AccountState.BANNED);
  expect(await errorOf(client.invoke(new Api.updates.GetState()))).toBe('USER_DEACTIVATED_BAN');
  await stateIs(AccountState.DEACTIVATED);
  expect(await errorOf(client.invoke(new Api.updates.GetState()))).toBe('USER_DEACTIVATED');
  await stateIs(AccountState.ACTIVE);
  await client.invoke(new Api.updates.GetState());
});

test('channels, members, posts, comments, reactions, reading and deleting', async () => {
  const [ada, bob] = [await newAccount(), await newAccount()];
  const { channel, discussionGroup } = await control.createChannel({
    title: 'News',
    username: 'control_news',
    creatorAccountId: ada.accountId,
    withDiscussionGroup: true,
    memberAccountIds: [bob.accountId],
  });
  const { channelId } = channel!;
  expect(channel).toMatchObject({ kind: ChannelKind.BROADCAST, memberCount: 2 });
  expect(discussionGroup!.linkedChannelId).toBe(channelId);
  const peer = { peer: { case: 'channelId' as const, value: channelId } };
  const { posts } = await control.createPosts({ channelId, posts: [{ text: 'one' }, { text: 'two' }] });
  expect(posts.map(({ messageId, text }) => [messageId, text])).toEqual([
    [1, 'one'],
    [2, 'two'],
  ]);
  const refused = { accountId: bob.accountId, to: peer, text: 'x' };
  await expect(control.sendMessage(refused)).rejects.toMatchObject({ reason: ErrorReason.INVALID_FIELD });
  const comment = { accountId: bob.accountId, to: peer, text: 'a comment', commentOnPostId: 2, randomId: 5n };
  const sent = await control.sendMessage(comment);
  expect(sent.message).toMatchObject({ commentOnPostId: 2, senderAccountId: bob.accountId });
  expect((await control.sendMessage(comment)).message!.messageId).toBe(sent.message!.messageId);
  const comments = await control.listMessages({ peer, commentOnPostId: 2 });
  expect(comments.messages).toMatchObject([{ text: 'a comment' }]);
  const reacted = await control.setReaction({ accountId: bob.accountId, peer, messageId: 1, emoji: '🔥' });
  expect(reacted.message!.reactions).toMatchObject([{ emoji: '🔥', accountIds: [bob.accountId] }]);
  await control.updateChannel({
    channel: { channelId, allowedReactions: { emoji: ['👍'] } },
    updateMask: { paths: ['allowed_reactions'] },
  });
  const bad = control.setReaction({ accountId: ada.accountId, peer, messageId: 1, emoji: '🔥' });
  await expect(bad).rejects.toMatchObject({ reason: ErrorReason.INVALID_FIELD });
  expect(await control.markRead({ accountId: bob.accountId, peer, upToMessageId: 1 })).toMatchObject({
    unreadCount: 1,
  });
  const edited = await control.editMessage({ accountId: ada.accountId, peer, messageId: 1, text: 'uno' });
  expect(edited.message).toMatchObject({ text: 'uno' });
  const deletion = { accountId: ada.accountId, peer, messageIds: [1, 99] };
  expect(await control.deleteMessages(deletion)).toMatchObject({ deletedCount: 1 });
  const left = await control.listMessages({ peer });
  expect(left.messages.map(({ messageId, commentCount }) => [messageId, commentCount])).toEqual([[2, 1]]);
  expect((await control.listMessages({ peer, showDeleted: true })).messages).toHaveLength(2);
  const admin = { channelId, accountId: bob.accountId, role: ChannelRole.ADMIN };
  expect((await control.setMember(admin)).member!.adminRights).toMatchObject({
    postMessages: true,
    banUsers: false,
  });
  await control.sendMessage({ accountId: bob.accountId, to: peer, text: 'as an administrator' });
  const { members } = await control.listMembers({ channelId });
  expect(members.map(({ role }) => role)).toEqual([ChannelRole.CREATOR, ChannelRole.ADMIN]);
  await control.deleteChannel({ channelId });
  await control.deleteChannel({ channelId });
  await expect(control.getChannel({ name: { case: 'channelId', value: channelId } })).rejects.toMatchObject({
    reason: ErrorReason.NOT_FOUND,
  });
});

test('a QR token is accepted from here', async () => {
  const account = await newAccount();
  const client = await world.connected();
  const ask = () => client.invoke(new Api.auth.ExportLoginToken({ apiId: 1, apiHash: 'x', exceptIds: [] }));
  const shown = (await ask()) as Api.auth.LoginToken;
  const accepted = await control.acceptLoginToken({ token: shown.token, accountId: account.accountId });
  expect(accepted.passwordNeeded).toBe(false);
  expect((await ask()).className).toBe('auth.LoginTokenSuccess');
  const unknown = { token: Buffer.alloc(16), accountId: account.accountId };
  await expect(control.acceptLoginToken(unknown)).rejects.toMatchObject({ reason: ErrorReason.NOT_FOUND });
});

test('the log is listed and streamed: connections, keys and calls, in order', async () => {
  const account = await newAccount();
  const stream = control.watchLog({ afterSequence: -1n });
  const seen: string[] = [];
  const reading = (async () => {
    for await (const { events } of stream) {
      for (const { event } of events) seen.push(event.case ?? '');
      if (seen.includes('callEnded')) return;
    }
  })();
  await vi.waitFor(() => expect(served).toBeDefined());
  const { keys } = await control.createAuthorization({ accountId: account.accountId });
  const client = await world.resumed(Buffer.from(keys[0]!.authKey));
  await client.invoke(new Api.updates.GetState());
  await reading;
  stream.cancel();
  const order = ['connectionOpened', 'connectionBound', 'callStarted', 'callEnded'];
  expect(seen.filter((kind) => order.includes(kind)).slice(0, 4)).toEqual(order);
  const { keyId } = keys[0]!.authorization!;
  const { calls, droppedCount } = await control.listCalls({ keyId, methods: ['updates.getState'] });
  expect(calls).toMatchObject([{ accountId: account.accountId, method: 'updates.getState', outcome: 1 }]);
  expect(droppedCount).toBe(0n);
  const { connections } = await control.listConnections({ keyId, openOnly: true });
  expect(connections).toMatchObject([{ keys: [{ keyId, accountId: account.accountId }] }]);
  expect(connections[0]!.connectionId).toBe(calls[0]!.connectionId);
  const closed = await control.closeConnections({ scope: { keyIds: [keyId] } });
  expect(closed.closedCount).toBe(1);
  await vi.waitFor(async () =>
    expect((await control.listConnections({ keyId, openOnly: true })).connections).toEqual([]),
  );
  const { counters } = await control.getCounters({});
  expect(counters!.callsByMethod['updates.getState']).toBeGreaterThan(0n);
});

test('away from the loopback address the operator key is asked for', async () => {
  const guarded = await startControl(world.telegram, { access: 'operator' });
  await expect(guarded.control.getCounters({})).rejects.toMatchObject({
    reason: ErrorReason.CREDENTIALS_MISSING,
  });
  await guarded.close();
  const open = await startControl(world.telegram, {
    access: 'operator',
    apiKey: 'operator-key-of-this-test',
  });
  await open.control.getCounters({});
  await open.close();
});

test('the world is forgotten and filled anew', async () => {
  await control.resetState({ parts: [StatePart.WORLD], seed: true });
  const { accounts } = await control.listAccounts({});
  expect(accounts.map(({ phone }) => phone)).toEqual(['+15550000001', '+15550000002', '+15550000003']);
  const { channels } = await control.listChannels({});
  expect(channels.map(({ username }) => username)).toEqual(['local_news', '']);
});

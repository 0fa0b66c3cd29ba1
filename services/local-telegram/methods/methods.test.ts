import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Api, returnBigInt } from '../../../tests/support/gramjs.ts';
import { errorOf, startTestTelegram, type TestTelegram } from '../../../tests/support/local-telegram.ts';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import { schedule } from '../scheduled.ts';
import { seedWorld } from '../seed.ts';
import { accountByPhone } from '../world/accounts.ts';
import { contentOf } from '../world/private-chats.ts';
import type { Account } from '../world/state.ts';
import { accessHash } from '../world/world.ts';
import { methodByName } from './all.ts';

/* Each method is asked once by a client that must be able to read the answer; what they do is tested elsewhere. */

let world: TestTelegram;
let alice: Account;
let bob: Account;
let client: Awaited<ReturnType<TestTelegram['client']>>;

beforeAll(async () => {
  world = await startTestTelegram();
  seedWorld(world.telegram.world);
  alice = accountByPhone(world.telegram.world, '+15550000001')!;
  bob = accountByPhone(world.telegram.world, '+15550000002')!;
  client = await world.client(alice);
});

afterAll(() => world.close());

function channelNamed(title: string) {
  const channel = [...world.telegram.world.state.channels.values()].find((one) => one.title === title)!;
  const named = {
    channelId: returnBigInt(channel.id),
    accessHash: returnBigInt(accessHash(world.telegram.world, alice.id, -channel.id)),
  };
  return { input: new Api.InputChannel(named), peer: new Api.InputPeerChannel(named) };
}

const self = new Api.InputPeerSelf();
const news = () => channelNamed('Local News');
const talk = () => channelNamed('Local News Chat');
const inputBob = () => ({
  userId: returnBigInt(bob.id),
  accessHash: returnBigInt(accessHash(world.telegram.world, alice.id, bob.id)),
});
const message = (id: number) => new Api.InputMessageID({ id });

const asked: [string, () => Parameters<typeof client.invoke>[0], object | boolean][] = [
  [
    'users.getFullUser',
    () => new Api.users.GetFullUser({ id: new Api.InputUser(inputBob()) }),
    { users: [{ firstName: 'Bob' }] },
  ],
  [
    'contacts.resolvePhone',
    () => new Api.contacts.ResolvePhone({ phone: '15550000002' }),
    { users: [{ firstName: 'Bob' }] },
  ],
  ['contacts.getContacts', () => new Api.contacts.GetContacts({}), { className: 'contacts.Contacts' }],
  [
    'channels.getChannels',
    () => new Api.channels.GetChannels({ id: [news().input] }),
    { chats: [{ creator: true }] },
  ],
  [
    'channels.getMessages',
    () => new Api.channels.GetMessages({ channel: news().input, id: [message(1), message(99)] }),
    { messages: [{ post: true }, { className: 'MessageEmpty' }] },
  ],
  [
    'messages.getMessages',
    () => new Api.messages.GetMessages({ id: [message(1), message(99)] }),
    { messages: [{ message: 'Hello Alice, this is Carol.' }, { className: 'MessageEmpty' }] },
  ],
  [
    'channels.getParticipants',
    () =>
      new Api.channels.GetParticipants({
        channel: news().input,
        filter: new Api.ChannelParticipantsRecent(),
        limit: 10,
      }),
    { count: 3, participants: [{ className: 'ChannelParticipantCreator' }, {}, {}] },
  ],
  ['channels.readHistory', () => new Api.channels.ReadHistory({ channel: talk().input, maxId: 0 }), true],
  [
    'messages.readDiscussion',
    () => new Api.messages.ReadDiscussion({ peer: news().peer, msgId: 1, readMaxId: 4 }),
    true,
  ],
  [
    'messages.getMessagesReactions',
    () => new Api.messages.GetMessagesReactions({ peer: news().peer, id: [1] }),
    { updates: [{ className: 'UpdateMessageReactions' }] },
  ],
  [
    'messages.getPeerDialogs',
    () => new Api.messages.GetPeerDialogs({ peers: [new Api.InputDialogPeer({ peer: news().peer })] }),
    { dialogs: [{ topMessage: 3 }], state: {} },
  ],
  ['messages.getPinnedDialogs', () => new Api.messages.GetPinnedDialogs({ folderId: 0 }), { dialogs: [] }],
  ['messages.getPeerSettings', () => new Api.messages.GetPeerSettings({ peer: self }), { settings: {} }],
  [
    'messages.getAvailableReactions',
    () => new Api.messages.GetAvailableReactions({}),
    { className: 'messages.AvailableReactionsNotModified' },
  ],
  [
    'messages.setTyping',
    () => new Api.messages.SetTyping({ peer: self, action: new Api.SendMessageTypingAction() }),
    true,
  ],
  [
    'messages.getScheduledMessages',
    () => new Api.messages.GetScheduledMessages({ peer: self, id: [1] }),
    { messages: [] },
  ],
  [
    'messages.deleteScheduledMessages',
    () => new Api.messages.DeleteScheduledMessages({ peer: self, id: [1] }),
    { updates: [{ className: 'UpdateDeleteScheduledMessages' }] },
  ],
  [
    'account.getAuthorizations',
    () => new Api.account.GetAuthorizations(),
    { authorizations: [{ current: true }] },
  ],
  ['account.updateStatus', () => new Api.account.UpdateStatus({ offline: false }), true],
  ['help.getNearestDc', () => new Api.help.GetNearestDc(), { thisDc: 2 }],
  ['help.getAppConfig', () => new Api.help.GetAppConfig({ hash: 0 }), { className: 'help.AppConfig' }],
  [
    'langpack.getLangPack',
    () => new Api.langpack.GetLangPack({ langPack: 'x', langCode: 'en' }),
    { strings: [] },
  ],
  ['auth.resetAuthorizations', () => new Api.auth.ResetAuthorizations(), true],
  [
    'channels.deleteMessages',
    () => new Api.channels.DeleteMessages({ channel: talk().input, id: [4, 99] }),
    { ptsCount: 1 },
  ],
];

test.each(asked)('%s', async (name, request, expected) => {
  expect(methodByName.has(name)).toBe(true);
  const answer: unknown = await client.invoke(request());
  expect({ answer }).toMatchObject({ answer: expected });
});

test('a code is sent again by other ways, and taken back', async () => {
  const other = await world.connected();
  const settings = new Api.CodeSettings({});
  const phoneNumber = '+15550000003';
  const sent = (await other.invoke(
    new Api.auth.SendCode({ phoneNumber, apiId: 1, apiHash: 'x', settings }),
  )) as Api.auth.SentCode;
  expect(sent.type.className).toBe('auth.SentCodeTypeSms');
  const again = (await other.invoke(
    new Api.auth.ResendCode({ phoneNumber, phoneCodeHash: sent.phoneCodeHash }),
  )) as Api.auth.SentCode;
  expect(again.type.className).toBe('auth.SentCodeTypeCall');
  const stale = new Api.auth.SignIn({ phoneNumber, phoneCodeHash: sent.phoneCodeHash, phoneCode: '12345' });
  expect(await errorOf(other.invoke(stale))).toBe('PHONE_CODE_EXPIRED');
  const last = { phoneNumber, phoneCodeHash: again.phoneCodeHash };
  expect(await errorOf(other.invoke(new Api.auth.ResendCode(last)))).toBe('SEND_CODE_UNAVAILABLE');
  expect(await other.invoke(new Api.auth.CancelCode(last))).toBe(true);
});

test('a code goes to the other clients of an account as a message from Telegram', async () => {
  const seen: string[] = [];
  const account = world.account();
  const first = await world.client(account);
  first.addEventHandler((update: Api.TypeUpdate) => {
    if (update.className === 'UpdateNewMessage') seen.push((update.message as Api.Message).message);
  });
  await first.invoke(new Api.updates.GetState());
  await world.codeLogin(account);
  await vi.waitFor(() => expect(seen).toEqual([expect.stringContaining('Login code: ')]));
});

test('a scheduled message is sent when it is due', async () => {
  const clock = createFakeClock();
  const other = await startTestTelegram({ clock });
  const [from, to] = [other.account(), other.account()];
  const draft = { text: 'due', entities: undefined, media: undefined, randomId: 0n, replyTo: 0 };
  const content = contentOf(other.telegram.world, from.id, draft);
  const waiting = { id: 1, chat: to.id, dueTime: clock.now() + 60_000, replyTo: 0, content };
  from.scheduled.set(1, waiting);
  schedule(other.telegram, from, waiting);
  await clock.advance(59_000);
  expect(to.messages.size).toBe(0);
  await clock.advance(2_000);
  expect([...to.messages.values()].map((one) => one.content.text)).toEqual(['due']);
  await other.close();
});

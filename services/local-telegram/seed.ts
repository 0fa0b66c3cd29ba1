import { ChannelKind, ChannelRole } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { DEFAULT_DATA_CENTER } from './data-centers.ts';
import { createAccount } from './world/accounts.ts';
import { createChannel, linkGroup, publish, setRole } from './world/channels.ts';
import { contentOf, sendPrivate, type Draft } from './world/private-chats.ts';
import type { World } from './world/world.ts';

const PEOPLE = [
  { phone: '+15550000001', firstName: 'Alice', username: 'alice_local' },
  {
    phone: '+15550000002',
    firstName: 'Bob',
    username: 'bob_local',
    password: 'local',
    passwordHint: 'local',
  },
  { phone: '+15550000003', firstName: 'Carol', username: 'carol_local' },
] as const;

/** What a first start shows: three people, one of them with a password, a channel with its group, a few posts. */
export function seedWorld(world: World): void {
  const [alice, bob, carol] = PEOPLE.map((person) =>
    createAccount(world, { ...person, dataCenter: DEFAULT_DATA_CENTER }),
  );
  const creatorId = alice!.id;
  const title = 'Local News';
  const channel = createChannel(world, {
    kind: ChannelKind.BROADCAST,
    title,
    username: 'local_news',
    about: 'A channel of the local Telegram.',
    creatorId,
  });
  const group = createChannel(world, { kind: ChannelKind.SUPERGROUP, title: `${title} Chat`, creatorId });
  linkGroup(world, channel, group);
  for (const person of [bob!, carol!]) {
    setRole(world, channel, person.id, ChannelRole.MEMBER);
    setRole(world, group, person.id, ChannelRole.MEMBER);
  }
  for (const text of [
    'Welcome to the local Telegram.',
    'Comments are open under every post.',
    'Have a look round.',
  ])
    publish(world, channel, {
      content: contentOf(world, creatorId, plain(text)),
      isPost: true,
      replyTo: 0,
      threadId: 0,
    });
  publish(world, group, {
    content: contentOf(world, bob!.id, plain('First!')),
    isPost: false,
    replyTo: 1,
    threadId: 1,
  });
  sendPrivate(world, carol!, alice!, plain('Hello Alice, this is Carol.'));
}

function plain(text: string): Draft {
  return { text, entities: undefined, media: undefined, randomId: 0n, replyTo: 0 };
}

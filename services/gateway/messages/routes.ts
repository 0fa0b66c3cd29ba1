import { randomUUIDv7 } from 'node:crypto';
import type { Account } from '#gen/telegate/account_auth/v1/account_pb.ts';
import type { Dialog } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { CallOptions } from '#lib/rpc/client-state.ts';
import type { DescribedRoutes } from '../docs/openapi.ts';
import { answer, idempotencyKey, listOfRef, ref, retryAfter } from '../docs/schema.ts';
import { json } from '../http/answer.ts';
import { route } from '../http/described.ts';
import { optional, text, textOrNumber, whole, withDefault } from '../http/fields.ts';
import { requestIdOf } from '../http/request-id.ts';
import type { MeshClients } from '../mesh.ts';
import { actorOf, allProfiles, isUsable, profileOf } from '../profiles/find.ts';
import { phone } from '../profiles/routes.ts';
import { isoTime } from '../profiles/shapes.ts';
import { idNumber } from '../sessions/fields.ts';
import { overProfiles } from './over-profiles.ts';
import { chatJson, messageJson, messageSchemas, peerNumber, receiverPeer } from './peers.ts';
import { unreadAnswer } from './unread.ts';

const TAG = 'messages';
const PAGE = 100;
/** Many profiles may have to connect first. */
const ALL_PROFILES_MS = 120_000;

const unreadInput = {
  phone: optional(phone),
  limit: withDefault(
    whole({ min: 1, max: 1_000, description: 'At most this many, the newest.', example: 500 }),
    500,
  ),
};

const failedProfiles = {
  'x-failed-profiles': {
    description: 'Profiles that could not be asked, and why: +15550000001=FLOOD_WAIT, …',
    schema: { type: 'string' },
  },
};

const notFound = (what: string) => answer(what, ref('Error'));
const conflict = answer('The account is in use elsewhere, or must log in again.', ref('Error'));

/** What profiles read and send. */
export function messageRoutes(mesh: Pick<MeshClients, 'accountAuth' | 'messaging'>): DescribedRoutes {
  const { accountAuth, messaging } = mesh;
  const unread = (method: 'GET' | 'POST', id: string) =>
    route({
      method,
      path: '/messages/unread',
      tag: TAG,
      id,
      summary: 'Unread messages of one profile, or of all',
      details: 'The newest first. Nothing is marked as read.',
      timeoutMs: ALL_PROFILES_MS,
      input: unreadInput,
      answers: {
        200: answer('The messages.', listOfRef('UnreadMessage'), {
          ...failedProfiles,
          'x-total-count': { description: 'How many are unread in all.', schema: { type: 'integer' } },
        }),
        404: notFound('No profile has this phone.'),
        409: conflict,
      },
      handle: ({ input, options }) => unreadAnswer(mesh, input, options),
    });

  return {
    tags: [{ name: TAG, description: 'What your profiles read and send.' }],
    schemas: messageSchemas,
    routes: [
      unread('GET', 'listUnread'),
      unread('POST', 'askUnread'),
      route({
        method: 'POST',
        path: '/messages/send',
        tag: TAG,
        id: 'sendMessage',
        summary: 'Send a message',
        headers: [idempotencyKey],
        input: {
          phone,
          text: text({ max: 8_192, description: 'Up to 4,096 characters.', example: 'hello' }),
          tg_receiver: textOrNumber({
            description: 'To whom: an id as the dialogs have it, a username, a phone, or a t.me link.',
            example: '@ann',
          }),
        },
        answers: {
          200: answer('It is sent.', ref('SentMessage')),
          404: notFound('No profile has this phone, or Telegram knows no such receiver.'),
          409: conflict,
          429: answer('Telegram asks to wait.', ref('Error'), retryAfter),
        },
        async handle({ input, exchange, options }) {
          const profile = await profileOf(accountAuth, input.phone, options);
          const { message } = await messaging.sendMessage(
            {
              actor: actorOf(profile),
              peer: receiverPeer(input.tg_receiver, profile.telegramUserId),
              text: input.text,
              requestId: requestIdOf(exchange) || randomUUIDv7(),
            },
            options,
          );
          const { messageId, sendTime, peer } = message!;
          return json({
            status: 'sent',
            id: idNumber(messageId),
            date: isoTime(sendTime!),
            dialog: chatJson(peer!),
          });
        },
      }),
      route({
        method: 'POST',
        path: '/messages/dialogs',
        tag: TAG,
        id: 'listDialogs',
        summary: 'The chats of a profile',
        details: 'The most recent first.',
        input: {
          phone,
          limit: withDefault(
            whole({ min: 1, max: 1_000, description: 'At most this many.', example: 100 }),
            100,
          ),
        },
        answers: {
          200: answer('The chats.', listOfRef('Dialog')),
          404: notFound('No profile has this phone.'),
          409: conflict,
        },
        async handle({ input, options }) {
          const profile = await profileOf(accountAuth, input.phone, options);
          const dialogs = await dialogsOf(messaging, profile, input.limit, options);
          return json(dialogs.map((dialog) => dialogJson(dialog)));
        },
      }),
      route({
        method: 'GET',
        path: '/utils/me',
        tag: TAG,
        id: 'getMe',
        summary: 'A profile as Telegram knows it',
        details: 'Without a phone: the only profile, or a list when there are several.',
        timeoutMs: ALL_PROFILES_MS,
        input: { phone: optional(phone) },
        answers: {
          200: answer(
            'The account, or all of them.',
            { anyOf: [ref('Me'), { type: 'array', items: ref('Me') }] },
            failedProfiles,
          ),
          404: notFound('No profile has this phone.'),
          409: conflict,
        },
        async handle({ input, options }) {
          if (input.phone !== undefined)
            return json(await me(messaging, await profileOf(accountAuth, input.phone, options), options));
          const profiles = await allProfiles(accountAuth, options);
          const [first] = profiles;
          if (first && profiles.length === 1) return json(await me(messaging, first, options));
          const usable = profiles.filter((profile) => isUsable(profile));
          const { results, headers } = await overProfiles(usable, (profile) =>
            me(messaging, profile, options),
          );
          return json(results, headers);
        },
      }),
    ],
  };
}

async function me(messaging: MeshClients['messaging'], profile: Account, options: CallOptions) {
  const { me: own } = await messaging.getMe({ actor: actorOf(profile) }, options);
  const { peer, title, username, phone: number } = own!;
  return { id: peerNumber(peer), name: title, username: username || null, phone: number || profile.phone };
}

async function dialogsOf(
  messaging: MeshClients['messaging'],
  profile: Account,
  limit: number,
  options: CallOptions,
): Promise<Dialog[]> {
  const dialogs: Dialog[] = [];
  let pageToken = '';
  do {
    const page = await messaging.listDialogs(
      { actor: actorOf(profile), pageSize: Math.min(limit, PAGE), pageToken },
      options,
    );
    dialogs.push(...page.dialogs);
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && dialogs.length < limit);
  return dialogs.slice(0, limit);
}

function dialogJson({ peer, unreadCount, lastMessage }: Dialog) {
  return {
    ...chatJson(peer!),
    unread_count: unreadCount,
    last_message: lastMessage ? messageJson(lastMessage) : null,
  };
}

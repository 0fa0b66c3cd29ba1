import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Account } from '#gen/telegate/account_auth/v1/account_pb.ts';
import type { Message } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { CallOptions } from '#lib/rpc/client-state.ts';
import { json, type Answer } from '../http/answer.ts';
import type { MeshClients } from '../mesh.ts';
import { actorOf, allProfiles, isUsable, profileOf } from '../profiles/find.ts';
import { overProfiles } from './over-profiles.ts';
import { chatJson, messageJson } from './peers.ts';

const PAGE = 100;

interface Unread {
  readonly phone: string;
  readonly messages: readonly Message[];
  readonly total: number;
}

/** Of one profile, or of all that can be asked, the newest first; marks nothing as read. */
export async function unreadAnswer(
  { accountAuth, messaging }: Pick<MeshClients, 'accountAuth' | 'messaging'>,
  { phone, limit }: { phone: string | undefined; limit: number },
  options: CallOptions,
): Promise<Answer> {
  const profiles =
    phone === undefined
      ? (await allProfiles(accountAuth, options)).filter((profile) => isUsable(profile))
      : [await profileOf(accountAuth, phone, options)];
  const { results, headers } = await overProfiles(profiles, (profile) =>
    unreadOf(messaging, profile, limit, options),
  );
  const merged = results
    .flatMap((unread) => unread.messages.map((message) => ({ phone: unread.phone, message })))
    .toSorted((a, b) => timestampMs(b.message.sendTime!) - timestampMs(a.message.sendTime!));
  const total = results.reduce((sum, unread) => sum + unread.total, 0);
  return json(
    merged.slice(0, limit).map(({ phone: own, message }) => ({
      phone: own,
      dialog: chatJson(message.peer!),
      ...messageJson(message),
    })),
    { ...headers, 'x-total-count': String(total) },
  );
}

async function unreadOf(
  messaging: MeshClients['messaging'],
  profile: Account,
  limit: number,
  options: CallOptions,
): Promise<Unread> {
  const actor = actorOf(profile);
  const messages: Message[] = [];
  let total = 0;
  let pageToken = '';
  do {
    // A page's size belongs to its token, so it stays the same.
    const page = await messaging.listUnread({ actor, pageSize: Math.min(limit, PAGE), pageToken }, options);
    messages.push(...page.messages);
    total = page.totalCount;
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && messages.length < limit);
  return { phone: profile.phone, messages, total };
}

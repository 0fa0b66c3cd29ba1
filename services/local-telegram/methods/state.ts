import type { TlObject } from '../codec/object.ts';
import { unreadIn } from '../world/channels.ts';
import type { Account } from '../world/state.ts';
import { channelOf, type World } from '../world/world.ts';

export function stateTl(world: World, account: Account, date: number, pts = account.box.pts): TlObject {
  let unread = 0;
  for (const dialog of account.dialogs.values()) unread += dialog.unread > 0 ? 1 : 0;
  for (const id of account.channels) unread += unreadIn(channelOf(world, id), account.id) > 0 ? 1 : 0;
  return { _: 'updates.state', pts, qts: 0, date, seq: 0, unread_count: unread };
}

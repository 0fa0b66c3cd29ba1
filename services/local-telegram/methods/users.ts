import type { TlObject } from '../codec/object.ts';
import { userTl } from '../world/render.ts';
import { method, type Method } from './method.ts';
import { userOf } from './peers.ts';

export const userMethods: readonly Method[] = [
  method<{ id: TlObject[] }>('users.getUsers', {}, ({ id }, caller) =>
    id.map((input) => userTl(caller.world, caller.account, userOf(input, caller))),
  ),
  method<{ id: TlObject }>('users.getFullUser', {}, ({ id }, caller) => {
    const user = userOf(id, caller);
    return {
      _: 'users.userFull',
      full_user: {
        _: 'userFull',
        id: BigInt(user.id),
        settings: { _: 'peerSettings' },
        notify_settings: { _: 'peerNotifySettings' },
        common_chats_count: [...user.channels].filter((one) => caller.account.channels.has(one)).length,
      },
      chats: [],
      users: [userTl(caller.world, caller.account, user)],
    };
  }),
];

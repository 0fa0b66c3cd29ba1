import { RpcError } from '../rpc-error.ts';
import { accountByPhone } from '../world/accounts.ts';
import { Mentions, peerTl, userTl } from '../world/render.ts';
import { mayReachOut } from '../world/rules.ts';
import { method, type Caller, type Method } from './method.ts';

export const contactMethods: readonly Method[] = [
  method<{ username: string }>('contacts.resolveUsername', {}, ({ username }, caller) => {
    const chat = caller.world.state.usernames.get(username.replace(/^@/, '').toLowerCase());
    if (chat === undefined) throw new RpcError('USERNAME_NOT_OCCUPIED');
    return resolved(caller, chat);
  }),
  method<{ phone: string }>('contacts.resolvePhone', {}, ({ phone }, caller) => {
    const found = accountByPhone(caller.world, phone);
    if (!found) throw new RpcError('PHONE_NOT_OCCUPIED');
    mayReachOut(caller.account, caller.account.dialogs.has(found.id));
    return resolved(caller, found.id);
  }),
  method('contacts.getContacts', {}, (_: object, { world, account }) => {
    const known = [...account.dialogs.keys()].filter((chat) => chat > 0 && chat !== account.id);
    return {
      _: 'contacts.contacts',
      contacts: [],
      saved_count: 0,
      users: known.map((id) => userTl(world, account, world.state.accounts.get(id)!)),
    };
  }),
];

function resolved({ world, account, call }: Caller, chat: number): object {
  call.peer = String(Math.abs(chat));
  return {
    _: 'contacts.resolvedPeer',
    peer: peerTl(chat),
    ...new Mentions().add(chat).lists(world, account),
  };
}
